// Redis Cluster / Overview: is it healthy, and if not, where to look?
function(lib)
  local config = lib.config, theme = lib.theme, q = lib.q, p = lib.p, d = lib.d;
  local help = p.help, target = p.target, legend = q.legend;

  local ops(level) = level.rate('redis_commands_processed_total');
  local keys = q.sumNodes(q.everyNode.gauge('redis_db_keys', '', ['db']));
  local lagSteps = theme.warnAndBadFrom(config.lagSecondsWarning, config.lagSecondsCritical);
  local memorySteps = theme.warnAndBadFrom(config.memoryUsageWarning, config.memoryUsageCritical);

  local discovered = q.cluster.gauge('redis_cluster_discovery_up');
  local worstLag = q.orElse(q.max(q.everyNode.gauge('redis_replica_lag_seconds')), -1, discovered);
  local fullest = q.orElse(q.max(q.memoryUsage(q.everyNode)), -1, q.max(q.everyNode.gauge('redis_memory_used_bytes')));

  local health = [
    p.stat(
      'Cluster state',
      'none',
      help(
        'What the masters that answer say about the cluster: the share of them that call it ok.',
        'OK: all of them do.',
        'FAIL: half of them or more refuse to serve. PARTLY: some do; a master that was just started says so for some seconds.',
        '`CLUSTER INFO` on the nodes that say fail (last panel of this page); `CLUSTER NODES` tells which slots lack a master.'
      ),
      [target(q.avg(q.masters(q.everyNode.gauge('redis_cluster_state'))), legend.cluster)],
      { names: theme.state, steps: theme.steps([[0, theme.bad], [0.5000001, theme.warning], [1, theme.good]]), noValue: 'UNKNOWN', unknown: theme.bad, drill: 'slots' }
    ),
    p.stat(
      'Slots not served',
      'none',
      help(
        'Slots, of 16384, that nobody serves: without an owner, or with one that has failed or that most masters suspect.',
        '0.',
        'Any: keys in these slots can neither be read nor written, and with cluster-require-full-coverage the whole cluster stops.',
        '`redis-cli --cluster check HOST:PORT`; the dashboard Slots tells the reason.'
      ),
      [target(q.sum(q.cluster.gauge('redis_cluster_slots_uncovered', '', ['reason'])), legend.cluster)],
      { steps: theme.badFrom(1), drill: 'slots' }
    ),
    p.stat(
      'Slot maps',
      'none',
      help(
        'Different maps of who owns which slots, among the views of all nodes.',
        'AGREED: all nodes have the same map.',
        '2 or more for longer than a failover or a move takes: clients are sent back and forth, or write to the wrong master.',
        '`CLUSTER NODES` on two nodes, compared; `CLUSTER COUNTKEYSINSLOT`.'
      ),
      [target(q.cluster.gauge('redis_cluster_views'), legend.cluster)],
      { names: theme.agreed, steps: theme.steps([[0, theme.bad], [1, theme.good], [2, theme.warning]]), drill: 'slots' }
    ),
    p.stat(
      'Quorum margin',
      'none',
      help(
        'How many more masters may be lost at once with a majority left to vote for a failover.',
        '1 or more.',
        '0: the next loss ends automatic failover. Below 0: no replica can be promoted, however healthy it is.',
        '`CLUSTER NODES`: masters with slots that are marked `fail`; start them, or promote a replica with `CLUSTER FAILOVER TAKEOVER`.'
      ),
      [target(q.cluster.gauge('redis_cluster_quorum_margin'), legend.cluster)],
      { steps: theme.steps([[-100, theme.bad], [0, theme.warning], [1, theme.good]]), drill: 'replication' }
    ),
    p.stat(
      'Failures survivable',
      'none',
      help(
        'How many nodes, or hosts, may be lost at once, the worst ones, with all slots served in the end.',
        '1 or more of both.',
        '0 nodes: a master has no healthy replica, or the quorum has no margin. 0 hosts: a shard, or the majority, is on one host.',
        'Table of shards below; `CLUSTER REPLICATE` gives a master a replica on another host.'
      ),
      [
        target(q.cluster.gauge('redis_cluster_node_failures_survivable'), legend.of('nodes')),
        target(q.cluster.gauge('redis_cluster_host_failures_survivable'), legend.of('hosts')),
      ],
      { steps: theme.goodFrom(1), textMode: 'value_and_name', drill: 'replication' }
    ),
    p.stat(
      'Worst replica lag',
      's',
      help(
        'How old the data of the replica that is furthest behind are.',
        'Below %d s.' % config.lagSecondsWarning,
        'From %d s, by far from %d s: so much is lost if its master fails now, and reads from it are that old.' % [config.lagSecondsWarning, config.lagSecondsCritical],
        '`INFO replication` on the replica and its master; the dashboard Replication shows lag and backlog.'
      ),
      [target(worstLag, legend.cluster)],
      { steps: lagSteps, names: theme.noReplica, decimals: 1, drill: 'replication' }
    ),
    p.stat(
      'Fullest memory',
      'percentunit',
      help(
        'Used memory of the node that is nearest to its limit (maxmemory).',
        'Below %d %%.' % (config.memoryUsageWarning * 100),
        'From %d %%: keys will be evicted, or writes refused with OOM, by the policy set.' % (config.memoryUsageWarning * 100),
        '`INFO memory` and `MEMORY STATS` on that node; `CONFIG GET maxmemory-policy`.'
      ),
      [target(fullest, legend.cluster)],
      { steps: memorySteps, names: theme.noLimit, decimals: 1, drill: 'nodes' }
    ),
    p.stat(
      'Firing alerts',
      'none',
      help(
        'Alerts of these rules that Prometheus fires now, by severity.',
        '0 of both.',
        'A critical one: users notice, act now. A warning: soon.',
        'The list below names them; each alert has a runbook in its annotations. `redis_cluster_exporter --check URL` tells the same in words.'
      ),
      [
        target('count(%s) or vector(0)' % q.alerts('severity="critical"'), 'critical'),
        target('count(%s) or vector(0)' % q.alerts('severity="warning"'), 'warning'),
      ],
      { steps: theme.warnFrom(1), textMode: 'value_and_name', drill: 'nodes' }
    ) + {
      fieldConfig+: { overrides+: [{ matcher: { id: 'byName', options: 'critical' }, properties: [{ id: 'thresholds', value: theme.badFrom(1) }] }] },
    },

    p.stat(
      'Nodes by health',
      'none',
      help(
        'All nodes that the cluster knows. fail, pfail and noaddr are what most masters say; unreachable and loading are what the exporter sees. expected: by `--expect.nodes`, if it is given.',
        'All are ok, and as many as expected.',
        'Fewer in all than expected: some were wiped, or never joined. fail: given up by the majority. pfail: suspected. unreachable alone: the way from the exporter to the node is broken, not the cluster.',
        '`CLUSTER NODES`; is the process alive, is its bus port (port + 10000) open? `CLUSTER FORGET` removes a node that is gone for good.'
      ),
      [
        target(q.sum(q.cluster.gauge('redis_cluster_nodes', '', ['role', 'health']), ['health']), legend.of('{{health}}')),
        target(q.cluster.gauge('redis_cluster_expected_nodes'), legend.of('expected')),
      ],
      { w: 5, h: 7, textMode: 'value_and_name', drill: 'replication', steps: theme.warnFrom(1) }
    ) + {
      fieldConfig+: {
        overrides+: [
          { matcher: { id: 'byRegexp', options: '/ ok$/' }, properties: [{ id: 'thresholds', value: theme.steps([[0, theme.bad], [1, theme.good]]) }] },
          { matcher: { id: 'byRegexp', options: '/ fail$/' }, properties: [{ id: 'thresholds', value: theme.badFrom(1) }] },
          { matcher: { id: 'byRegexp', options: '/ expected$/' }, properties: [{ id: 'thresholds', value: theme.plain }] },
        ],
      },
    },
    p.stat(
      'What should be 0',
      'none',
      help(
        'Counts of states that no healthy cluster has for longer than a moment.',
        '0 everywhere.',
        'Conflicting: slots that two masters claim. Half open: slots on their way on one side only. Alone: masters without a healthy replica. One host: shards all of whose nodes share it. Unknown to some, isolated, handshakes: nodes that the others do not know. Settings: parameters that differ between nodes.',
        '`redis-cli --cluster check HOST:PORT` and `redis-cli --cluster fix HOST:PORT`; the dashboards Slots and Replication show since when.'
      ),
      [
        target(q.cluster.gauge('redis_cluster_slots_conflicting'), legend.of('conflicting slots')),
        target(q.cluster.gauge('redis_cluster_slots_open_unpaired'), legend.of('half open slots')),
        target(q.cluster.gauge('redis_cluster_masters_without_replica'), legend.of('masters alone')),
        target(q.cluster.gauge('redis_cluster_shards_single_host'), legend.of('shards on one host')),
        target(q.cluster.gauge('redis_cluster_nodes_partially_known'), legend.of('nodes unknown to some')),
        target(q.cluster.gauge('redis_cluster_nodes_isolated'), legend.of('isolated nodes')),
        target(q.cluster.gauge('redis_cluster_nodes_handshake'), legend.of('handshakes')),
        target(q.sum(q.cluster.gauge('redis_cluster_config_mismatch', '', ['parameter'])), legend.of('settings that differ')),
      ],
      { w: 9, h: 7, textMode: 'value_and_name', steps: theme.warnFrom(1), drill: 'slots' }
    ),
    p.table(
      'Alerts firing now',
      'none',
      help(
        'Each alert that fires, with what it is about.',
        'No row.',
        'Critical ones first: they are about users. The others often follow from them.',
        'A click on the alert opens its runbook; `redis_cluster_exporter --check URL` explains the state of the cluster in words.'
      ),
      [p.labelsOnly('max by (severity, alertname, %s, %s) (%s)' % [q.labels.cluster, q.labels.node, q.alerts()])],
      [
        ['severity', 'Severity', p.named(theme.severity) { 'custom.width': 80 }],
        ['alertname', 'Alert', { links: [p.runbook('${__value.raw}')], 'custom.width': 250 }],
        [q.labels.cluster, 'Cluster'],
        [q.labels.node, 'Node'],
      ],
      { w: 10, h: 7, drill: 'nodes', noValue: 'No alert fires' }
    ),
  ];

  local shards = p.table(
    'Shards',
    'short',
    help(
      'One row a shard, named by its master. Lag is that of its worst replica.',
      'Every master is up and has as many healthy replicas as planned; slots, keys, memory and commands are alike in all rows.',
      'A master that is down and still has slots; no healthy replica; a lag that grows; one shard that does most of the work.',
      'Click the master. `CLUSTER SHARDS`, `INFO replication`; `redis-cli --cluster rebalance HOST:PORT` evens out slots.'
    ),
    [
      p.column('Up', q.masters(q.node.gauge('redis_up')), 'none', p.named(theme.upDown)),
      p.column('Healthy replicas', q.node.gauge('redis_cluster_master_healthy_replicas'), 'none', p.coloured(theme.goodFrom(config.replicasMinimum))),
      p.column('Slots', q.masters(q.node.gauge('redis_cluster_node_slots')), 'none'),
      p.column('Keys', q.masters(q.sumNodes(q.node.gauge('redis_db_keys', '', ['db']))), 'short'),
      p.column('Memory', q.masters(q.node.gauge('redis_memory_used_bytes')), 'bytes'),
      p.column('Of limit', q.masters(q.memoryUsage(q.node)), 'percentunit', p.coloured(memorySteps) { decimals: 1 }),
      p.column('Lag', q.masters('(%s)' % q.worstOfShard(q.everyNode.gauge('redis_replica_lag_seconds'))), 's', p.coloured(lagSteps) { decimals: 1 }),
      p.column('Lag in bytes', q.masters('(%s)' % q.worstOfShard(q.everyNode.gauge('redis_replica_lag_bytes'))), 'bytes'),
      p.column('Commands', q.masters(ops(q.node)), 'ops'),
    ],
    [[q.labels.node, 'Master'], [q.labels.cluster, 'Cluster']],
    { h: 8 }
  );

  local traffic = [
    p.timeseries(
      'Commands',
      'ops',
      help(
        'Commands a second that the masters, and the replicas, have processed; replication itself counts on replicas.',
        'A curve that follows your load.',
        'A sudden drop (clients cannot reach the cluster, or slots are not served) or a jump nobody planned.',
        '`INFO commandstats`; the dashboard Node shows which commands, on which node.'
      ),
      [
        target(q.sum(q.masters(ops(q.everyNode))), legend.of('masters')),
        target(q.sum(q.replicas(ops(q.everyNode))), legend.of('replicas')),
      ],
      { words: ['masters', 'replicas'], drill: 'nodes' }
    ),
    p.timeseries(
      'Commands by node',
      'ops',
      help(
        'Commands a second of each chosen node.',
        'Masters are alike.',
        'One master far above the others: hot keys or too many slots. One at 0: nobody uses its slots, or nobody reaches it.',
        '`redis-cli --hotkeys` on the hot master; the dashboard Slots shows commands a slot.'
      ),
      [target(ops(q.node), legend.node)]
    ),
    p.timeseries(
      'Time per command',
      's',
      help(
        'Mean time that a command took inside the server, over all commands of each chosen node.',
        'Tens of microseconds for simple commands, and steady.',
        'A rise: slow commands, swapping, forks, or a busy processor.',
        '`SLOWLOG GET 10`, `LATENCY DOCTOR`; the dashboard Node shows it by command.'
      ),
      [target(q.share(
        q.sumNodes(q.node.rate('redis_commands_duration_seconds_total', '', ['cmd'])),
        q.sumNodes(q.node.rate('redis_commands_total', '', ['cmd']))
      ), legend.node)]
    ),
    p.timeseries(
      'Errors',
      'cps',
      help(
        "Error replies a second, by their first word. MOVED and ASK are not among them: they are a cluster's normal redirections.",
        'None, or a constant few that you know.',
        'CLUSTERDOWN: slots are not served. OOM: the memory limit is reached. READONLY: clients write to a replica. MASTERDOWN, LOADING, NOAUTH, WRONGPASS, TRYAGAIN: as they say.',
        '`INFO errorstats` on the nodes; `ACL LOG` for NOPERM and WRONGPASS.'
      ),
      [target(q.sum(q.everyNode.rate('redis_errors_total', 'err!~"MOVED|ASK"', ['err']), ['err']), legend.of('{{err}}'))],
      { drill: 'nodes' }
    ),
    p.timeseries(
      'Network',
      'binBps',
      help(
        'Bytes a second that all nodes together received and sent, replication included.',
        "Follows the load, well below what the hosts' network can carry.",
        'A plateau: the network is full. Sent far above its usual: large values are read, or a full sync runs.',
        '`INFO stats`; `redis-cli --bigkeys` finds large values.'
      ),
      [
        target(q.sum(q.everyNode.rate('redis_net_input_bytes_total')), legend.of('received')),
        target(q.sum(q.everyNode.rate('redis_net_output_bytes_total')), legend.of('sent')),
      ],
      { words: ['received', 'sent'], drill: 'nodes' }
    ),
    p.timeseries(
      'Clients',
      'short',
      help(
        'Client connections of each chosen node.',
        'Steady, alike on all masters.',
        'Steps upwards without new clients (connections that are never closed), or a drop on one node only.',
        '`CLIENT LIST`; the dashboard Node compares with the limit.'
      ),
      [target(q.node.gauge('redis_connected_clients'), legend.node)]
    ),
  ];

  local memory = [
    p.timeseries(
      'Memory of the data',
      'bytes',
      help(
        'Used memory of all masters, and the sum of their limits where each of them has one.',
        'Well below the limit, with room for growth and for one shard more or less.',
        'Used close to the limit: evictions or refused writes on the fullest master long before the sum is reached.',
        '`INFO memory`; add a shard with `redis-cli --cluster add-node`, or raise it with `CONFIG SET maxmemory`.'
      ),
      [
        target(q.cluster.gauge('redis_cluster_memory_used_bytes'), legend.of('used')),
        target(q.cluster.gauge('redis_cluster_memory_max_bytes'), legend.of('limit')),
      ],
      { words: ['used', 'limit'], drill: 'nodes' }
    ),
    p.timeseries(
      'Memory of limit, by node',
      'percentunit',
      help(
        'Used memory over maxmemory of each chosen node that has a limit.',
        'Below %d %%, and alike on all masters.' % (config.memoryUsageWarning * 100),
        'One node above the others: large keys or more slots there. At 100 %: evictions, or writes refused with OOM.',
        '`MEMORY STATS`, `redis-cli --memkeys` on that node.'
      ),
      [target(q.memoryUsage(q.node), legend.node)],
      { steps: memorySteps, softMax: 1 }
    ),
    p.timeseries(
      'Keys',
      'short',
      help(
        'Keys of all masters.',
        'Changes as your data do.',
        'A cliff: a flush, an eviction, or a shard that came back empty after a restart without persistence.',
        '`DBSIZE` on each master; `INFO commandstats` for calls of `FLUSHALL`.'
      ),
      [target(q.cluster.gauge('redis_cluster_keys'), legend.cluster)],
      { drill: 'nodes' }
    ),
  ];

  local skew = [
    p.timeseries(
      'Skew of the masters',
      'none',
      help(
        'The master that has most, over the mean of all: of slots, keys, memory. 1 is even.',
        'Below %s.' % config.skewWarning,
        'Above it: one master is full, or busy, long before the others. Keys or memory above slots: large or many keys share a hash tag.',
        '`redis-cli --cluster rebalance HOST:PORT`; for hash tags `CLUSTER COUNTKEYSINSLOT` and `CLUSTER GETKEYSINSLOT`.'
      ),
      [
        target(q.cluster.gauge('redis_cluster_slot_skew_ratio'), legend.of('slots')),
        target(q.cluster.gauge('redis_cluster_key_skew_ratio'), legend.of('keys')),
        target(q.cluster.gauge('redis_cluster_memory_skew_ratio'), legend.of('memory')),
      ],
      { steps: theme.warnFrom(config.skewWarning), drill: 'slots', decimals: 2 }
    ),
    p.bars(
      'Memory by master',
      'bytes',
      help(
        'Used memory of each chosen master now.',
        'Bars of one length.',
        'One bar much longer than the others.',
        '`redis-cli --memkeys` on that master; the dashboard Slots compares its keys and slots.'
      ),
      [target(q.masters(q.node.gauge('redis_memory_used_bytes')), legend.node)]
    ),
    p.bars(
      'Commands by master',
      'ops',
      help(
        'Commands a second of each chosen master now.',
        'Bars of one length.',
        'One bar much longer: hot keys, or clients that ask this node for everything and are redirected.',
        '`redis-cli --hotkeys`; MOVED replies on the dashboard Slots.'
      ),
      [target(q.masters(ops(q.node)), legend.node)]
    ),
  ];

  local fleet = [
    p.table(
      'Settings that differ',
      'none',
      help(
        'Parameters that are not the same on all nodes.',
        'No row.',
        'Any row: after a failover the cluster behaves differently, for instance with another memory limit or without persistence.',
        '`CONFIG GET` of that parameter on all nodes; `CONFIG SET` and `CONFIG REWRITE` to make them alike.'
      ),
      [p.column('Differs', q.cluster.gauge('redis_cluster_config_mismatch', '', ['parameter']) + ' > 0', 'none', p.named(theme.noYes))],
      [[q.labels.cluster, 'Cluster'], ['parameter', 'Parameter']],
      { w: 8, drill: 'nodes', noValue: 'None known' }
    ),
    p.timeseries(
      'Versions',
      'none',
      help(
        'Nodes that answer, by version of the server.',
        'One version.',
        'Several for longer than an upgrade takes: replicas may not understand their master, and features differ after a failover.',
        '`INFO server` on the nodes; upgrade replicas first, then `CLUSTER FAILOVER` to them.'
      ),
      [target(q.count(q.everyNode.gauge('redis_cluster_node_info', 'version!=""', ['flavor', 'version']), ['flavor', 'version']), legend.of('{{flavor}} {{version}}'))],
      { stepped: true, drill: 'nodes' }
    ),
    p.timeseries(
      'Clock skew',
      's',
      help(
        "Each chosen server's clock minus the exporter's.",
        'Some milliseconds.',
        'More than %d s either way: keys expire at other times on replicas, and failure detection suffers.' % config.clockSkewSecondsWarning,
        '`TIME` on the nodes; is the time service of that host running?'
      ),
      [target(q.node.gauge('redis_clock_skew_seconds'), legend.node)],
      { min: null, steps: theme.steps([[-1000, theme.warning], [-config.clockSkewSecondsWarning, theme.good], [config.clockSkewSecondsWarning, theme.warning]]) }
    ),
    p.timeline(
      'Cluster state as each node sees it',
      'none',
      help(
        'What each chosen node answers to CLUSTER INFO.',
        'ok on all lines, all the time.',
        'FAIL on one line: that node is cut off, or was just started. FAIL on all: slots are not served, or the majority is lost. A gap: the node did not answer.',
        '`CLUSTER INFO` and `CLUSTER NODES` on the node that says fail.'
      ),
      [target(q.node.gauge('redis_cluster_state'), legend.node)],
      { names: theme.okFail }
    ),
  ];

  d.dashboard('overview', 'Overview', 'Is the cluster healthy? Shards, traffic, memory and skew.', [
    d.section(null, health),
    d.section('Shards', [shards]),
    d.section('Traffic', traffic),
    d.section('Memory and keys', memory),
    d.section('Skew between masters', skew),
    d.section('Settings, versions, clocks', fleet),
  ])
