// Redis Cluster / Slots and resharding: is every slot served, and is one on its way?
function(lib)
  local config = lib.config, theme = lib.theme, q = lib.q, p = lib.p, d = lib.d;
  local help = p.help, target = p.target, legend = q.legend;

  local openSince = 'time() - ' + q.cluster.gauge('redis_cluster_slots_open_since_timestamp_seconds');
  local slots = q.masters(q.node.gauge('redis_cluster_node_slots'));
  local ofSlots(expr) = q.masters('%s / (%s > 0)' % [expr, q.node.gauge('redis_cluster_node_slots')]);
  local keys = q.sumNodes(q.node.gauge('redis_db_keys', '', ['db']));
  // A redirected command does not count as processed.
  local moved = q.sum(q.everyNode.rate('redis_errors_total', 'err="MOVED"'));
  local ops = q.node.rate('redis_commands_processed_total');

  local now = [
    p.stat(
      'Slots not served',
      'none',
      help(
        'Slots that nobody serves.',
        '0.',
        'Any: their keys are out of reach.',
        '`redis-cli --cluster check HOST:PORT`; the reasons are in the panel below.'
      ),
      [target(q.sum(q.cluster.gauge('redis_cluster_slots_uncovered', '', ['reason'])), legend.cluster)],
      { steps: theme.badFrom(1), drill: 'replication' }
    ),
    p.stat(
      'Out of reach',
      'none',
      help(
        'Slots that are served, by masters that this exporter cannot reach while the cluster can.',
        '0.',
        'Any: the figures of those masters are missing everywhere; clients on the same network may fail as well.',
        "`redis-cli -h HOST -p PORT PING` from the exporter's host; the dashboard Exporter tells the reason."
      ),
      [target(q.cluster.gauge('redis_cluster_slots_unreachable'), legend.cluster)],
      { steps: theme.warnFrom(1), drill: 'exporter' }
    ),
    p.stat(
      'Conflicting slots',
      'none',
      help(
        'Slots that two masters claim as their own.',
        '0.',
        'Any: both take writes to the same keys, and one side will be lost.',
        '`CLUSTER NODES` on both; `redis-cli --cluster fix HOST:PORT` after a backup.'
      ),
      [target(q.cluster.gauge('redis_cluster_slots_conflicting'), legend.cluster)],
      { steps: theme.badFrom(1), drill: 'overview' }
    ),
    p.stat(
      'Slot maps',
      'none',
      help(
        'Different slot maps among the views of all nodes.',
        'AGREED.',
        '2 or more for more than a minute: news does not reach all nodes.',
        '`CLUSTER NODES` on two nodes, compared; bus links on the dashboard Replication.'
      ),
      [target(q.cluster.gauge('redis_cluster_views'), legend.cluster)],
      { names: theme.agreed, steps: theme.steps([[0, theme.bad], [1, theme.good], [2, theme.warning]]), drill: 'replication' }
    ),
    p.stat(
      'Open slots',
      'none',
      help(
        'Slots that masters mark as migrating or importing now.',
        '0, or a few while you reshard.',
        'Any while nobody reshards: a move was interrupted, and clients get ASK and TRYAGAIN.',
        '`CLUSTER NODES` shows them in brackets; `redis-cli --cluster fix HOST:PORT` ends the move.'
      ),
      [target(q.max(q.cluster.gauge('redis_cluster_slots_open', '', ['direction'])), legend.cluster)],
      { steps: theme.warnFrom(1), drill: 'overview' }
    ),
    p.stat(
      'Oldest open slot',
      's',
      help(
        'For how long the oldest of the open slots has been on its way.',
        'None, or minutes.',
        'More than %d min: the move is stuck.' % (config.openSlotsStuckSeconds / 60),
        '`CLUSTER COUNTKEYSINSLOT` on its source, twice: does it fall? Else `redis-cli --cluster fix HOST:PORT`.'
      ),
      [target(q.orElse(openSince, -1, q.cluster.gauge('redis_cluster_discovery_up')), legend.cluster)],
      { steps: theme.warnFrom(config.openSlotsStuckSeconds), names: theme.noneOpen, drill: 'overview' }
    ),
    p.stat(
      'Half open slots',
      'none',
      help(
        'Slots that only one of the two sides marks as on their way.',
        '0.',
        'Any for more than some seconds: the move was broken off half-way.',
        '`CLUSTER SETSLOT 1 STABLE` (with its number) on the side that has the mark, or `redis-cli --cluster fix HOST:PORT`.'
      ),
      [target(q.cluster.gauge('redis_cluster_slots_open_unpaired'), legend.cluster)],
      { steps: theme.warnFrom(1), drill: 'overview' }
    ),
    p.stat(
      'Slots moved',
      'none',
      help(
        'Slots that went to another shard in the time shown.',
        '0, or as many as you moved.',
        'Any that nobody asked for.',
        '`CLUSTER NODES`; logs of your operator or of `redis-cli --cluster reshard`.'
      ),
      [target(q.cluster.inRange('redis_cluster_slot_moves_total'), legend.cluster)],
      { steps: theme.plain, drill: 'overview' }
    ),
  ];

  local coverage = [
    p.timeseries(
      'Slots not served, by reason',
      'none',
      help(
        'unassigned: without an owner. owner_fail: the majority gave up the owner. owner_pfail: most masters suspect it and the exporter does not reach it either.',
        '0.',
        'A spike as long as a failover takes is normal after the loss of a master; a plateau means that nobody took over.',
        'For unassigned `CLUSTER ADDSLOTSRANGE` or `redis-cli --cluster fix HOST:PORT`; for the others the dashboard Replication: is a replica eligible?'
      ),
      [target(q.cluster.gauge('redis_cluster_slots_uncovered', '', ['reason']), legend.of('{{reason}}'))],
      { w: 12, stacked: true, words: ['unassigned', 'owner_fail', 'owner_pfail'], drill: 'replication' }
    ),
    p.timeseries(
      'Slots served',
      'none',
      help(
        'Slots, of 16384, whose owner has not failed.',
        'The line at 16384.',
        'Below it: see the reasons beside.',
        '`CLUSTER INFO`: `cluster_slots_assigned` and `cluster_slots_ok`.'
      ),
      [target(q.cluster.gauge('redis_cluster_slots_covered'), legend.cluster)],
      { w: 12, steps: theme.steps([[0, theme.bad], [16384, theme.good]]), drill: 'overview' }
    ),
    p.timeseries(
      "Slots not ok in a node's own view",
      'none',
      help(
        'How many slots each chosen node does not call ok: without an owner, or with one that it suspects or that has failed.',
        '0 on all nodes.',
        'One node above 0: it sees less than the others do, a partition. All: the slots are gone.',
        '`CLUSTER INFO` on that node; bus links on the dashboard Replication.'
      ),
      [target('16384 - ' + q.node.gauge('redis_cluster_slots_ok'), legend.node)],
      { w: 12 }
    ),
    p.timeseries(
      'Disagreement',
      'none',
      help(
        'Slot maps beyond the first one, slots that two masters claim, and masters that share a config epoch.',
        '0.',
        'Above 0 for more than a minute: the nodes do not converge.',
        '`CLUSTER NODES` on several nodes; `CLUSTER BUMPEPOCH` ends a shared epoch that stays.'
      ),
      [
        target(q.cluster.gauge('redis_cluster_views') + ' - 1', legend.of('further maps')),
        target(q.cluster.gauge('redis_cluster_slots_conflicting'), legend.of('conflicting slots')),
        target(q.cluster.gauge('redis_cluster_epoch_collisions'), legend.of('shared epochs')),
      ],
      { w: 12, stepped: true, drill: 'replication' }
    ),
  ];

  local resharding = [
    p.timeseries(
      'Open slots',
      'none',
      help(
        'Slots that masters mark as migrating from, or importing to, them.',
        'Both lines are one, and fall back to 0.',
        'Two lines: half open slots. A plateau: a move that is stuck.',
        '`CLUSTER NODES`, the parts in brackets; `redis-cli --cluster fix HOST:PORT`.'
      ),
      [target(q.cluster.gauge('redis_cluster_slots_open', '', ['direction']), legend.of('{{direction}}'))],
      { words: ['migrating', 'importing'], stepped: true, drill: 'overview' }
    ),
    p.timeseries(
      'Age of the oldest open slot',
      's',
      help(
        'How long the oldest of the open slots has been on its way.',
        'A saw-tooth while slots move one after the other.',
        'A line that only rises beyond %d min.' % (config.openSlotsStuckSeconds / 60),
        '`CLUSTER COUNTKEYSINSLOT` on its source; a very large key makes `MIGRATE` slow: `redis-cli --bigkeys`.'
      ),
      [target(openSince, legend.cluster)],
      { steps: theme.warnFrom(config.openSlotsStuckSeconds), noValue: 'None known', drill: 'overview' }
    ),
    p.timeseries(
      'Slots moved',
      'none',
      help(
        'Slots that went to another shard, in the time of each bar. Those at the edge of two bars may show in both.',
        'Bars while you reshard, none else.',
        'Bars that nobody asked for.',
        '`CLUSTER NODES`; logs of your operator.'
      ),
      [target(q.cluster.increase('redis_cluster_slot_moves_total'), legend.cluster)],
      { bars: true, drill: 'overview' }
    ),
    p.timeseries(
      'Redirections',
      'cps',
      help(
        'MOVED and ASK replies a second. MOVED tells a client that the slot has another owner, ASK that it is on its way.',
        'MOVED near 0 with clients that keep a slot map; ASK only while slots move.',
        'MOVED all the time: clients that do not keep the map, or that talk to one node only. ASK all the time: a move is stuck.',
        '`CLIENT LIST` on the node with most: which clients are not cluster clients?'
      ),
      [target(q.sum(q.everyNode.rate('redis_errors_total', 'err=~"MOVED|ASK"', ['err']), ['err']), legend.of('{{err}}'))],
      { words: ['MOVED', 'ASK'], drill: 'overview' }
    ),
    p.timeseries(
      'Share of MOVED',
      'percentunit',
      help(
        'MOVED replies over all requests: those, and the commands that were processed.',
        'Below %s %%.' % (config.movedShareWarning * 100),
        'Above it for minutes: clients pay two round trips for many commands.',
        '`CLIENT LIST`; client libraries have a setting that refreshes the slot map.'
      ),
      [target(q.share(
        moved, '(%s + %s)' % [moved, q.sum(q.everyNode.rate('redis_commands_processed_total'))]
      ), legend.cluster)],
      { steps: theme.warnFrom(config.movedShareWarning), drill: 'overview' }
    ),
    p.timeseries(
      'Redirections by node',
      'cps',
      help(
        'MOVED and ASK replies a second of each chosen node.',
        'Near 0 and alike.',
        'One node far above: clients use it as their only entry. A replica: clients that read from replicas without READONLY.',
        "`CLIENT LIST` on that node; `READONLY` in the clients' start-up."
      ),
      [target(q.sumNodes(q.node.rate('redis_errors_total', 'err=~"MOVED|ASK"', ['err'])), legend.node)]
    ),
    p.timeseries(
      'Atomic migrations',
      'none',
      help(
        'Migrations under way on each chosen node (Redis 8.4), and whether it deletes keys of slots that it gave away.',
        '0, or a few while you reshard.',
        'A number that stays: the migration is stalled.',
        '`CLUSTER MIGRATION STATUS ALL`; on Valkey 9 `CLUSTER GETSLOTMIGRATIONS`.'
      ),
      [
        target(q.node.gauge('redis_cluster_slot_migration_active_tasks'), legend.nodeOf('migrations')),
        target(q.node.gauge('redis_cluster_slot_migration_active_trim_running'), legend.nodeOf('deleting')),
      ],
      { w: 12, noValue: 'Told by Redis 8.4 and later' }
    ),
    p.timeseries(
      'Traffic of atomic migrations',
      'binBps',
      help(
        'Bytes a second that chosen nodes received and sent for migrations (Valkey 9).',
        'Flows while slots move.',
        '0 while a migration is under way: it is stalled.',
        '`CLUSTER GETSLOTMIGRATIONS` on both sides.'
      ),
      [
        target(q.node.rate('redis_net_cluster_slot_import_bytes_total'), legend.nodeOf('received')),
        target(q.node.rate('redis_net_cluster_slot_export_bytes_total'), legend.nodeOf('sent')),
      ],
      { w: 12, noValue: 'Told by Valkey 9 and later' }
    ),
  ];

  local distribution = [
    p.table(
      'Slots by master',
      'short',
      help(
        'What each chosen master has and does, also as a mean of its slots: the heat.',
        'Alike in all rows; a master without slots only while it joins or leaves.',
        'Keys a slot far above the others: hash tags gather keys. Commands a slot far above: hot slots.',
        '`CLUSTER SLOT-STATS ORDERBY CPU-USEC` (Valkey 8, Redis 8.2) names the slots; before, `redis-cli --hotkeys`.'
      ),
      [
        p.column('Slots', slots, 'none'),
        p.column('Keys', q.masters(keys), 'short'),
        p.column('Keys a slot', ofSlots(keys), 'short', { decimals: 1 }),
        p.column('Memory a slot', ofSlots(q.node.gauge('redis_memory_used_bytes')), 'bytes'),
        p.column('Commands', q.masters(ops), 'ops'),
        p.column('Commands a slot', ofSlots(ops), 'ops', { decimals: 3 }),
        p.column('Config epoch', q.node.gauge('redis_cluster_node_config_epoch'), 'none'),
      ],
      [[q.labels.node, 'Master'], [q.labels.cluster, 'Cluster']]
    ),
    p.timeseries(
      'Slots by master',
      'none',
      help(
        'Slots of each chosen master over time.',
        'Lines that are level, and alike.',
        'A line at 0: a master without work. Steps that nobody made.',
        '`redis-cli --cluster rebalance HOST:PORT --cluster-use-empty-masters`.'
      ),
      [target(slots, legend.node)],
      { stepped: true }
    ),
    p.timeseries(
      'Hot slots: commands a slot',
      'ops',
      help(
        'Commands a second of each chosen master over the number of its slots.',
        'Alike on all masters.',
        'One master far above: some of its slots are hot. Moving other slots away helps little; splitting the hot keys does.',
        '`CLUSTER SLOT-STATS ORDERBY CPU-USEC` (Valkey 8, Redis 8.2), `redis-cli --hotkeys`.'
      ),
      [target(ofSlots(ops), legend.node)]
    ),
    p.timeseries(
      'Keys a slot',
      'short',
      help(
        'Keys of each chosen master over the number of its slots.',
        'Alike on all masters.',
        'One master far above: hash tags put many keys into few slots.',
        '`CLUSTER COUNTKEYSINSLOT`, `CLUSTER GETKEYSINSLOT`.'
      ),
      [target(ofSlots(keys), legend.node)]
    ),
    p.timeseries(
      'Skew of slots',
      'none',
      help(
        'Slots of the master that has most over the mean. 1 is even.',
        'Below %s.' % config.skewWarning,
        'Above it for an hour without a reason.',
        '`redis-cli --cluster rebalance HOST:PORT`.'
      ),
      [target(q.cluster.gauge('redis_cluster_slot_skew_ratio'), legend.cluster)],
      { steps: theme.warnFrom(config.skewWarning), decimals: 2, drill: 'overview', w: 12 }
    ),
    p.timeseries(
      'Masters without slots',
      'none',
      help(
        'Masters that own no slot.',
        '0.',
        'Any for longer than a change of the cluster takes: it does no work and has no vote.',
        '`redis-cli --cluster rebalance HOST:PORT --cluster-use-empty-masters`, or make it a replica with `CLUSTER REPLICATE`.'
      ),
      [target(q.cluster.gauge('redis_cluster_masters_empty'), legend.cluster)],
      { stepped: true, drill: 'overview', w: 12 }
    ),
  ];

  d.dashboard('slots', 'Slots and resharding', 'Are all slots served, do the nodes agree, and what is on its way?', [
    d.section(null, now),
    d.section('Coverage and agreement', coverage),
    d.section('Resharding', resharding),
    d.section('Distribution and heat', distribution),
  ])
