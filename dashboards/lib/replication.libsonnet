// Redis Cluster / Replication and failover: are the replicas close behind, and could they take over?
function(lib)
  local config = lib.config, theme = lib.theme, q = lib.q, p = lib.p, d = lib.d;
  local help = p.help, target = p.target, legend = q.legend;

  local lagSteps = theme.warnAndBadFrom(config.lagSecondsWarning, config.lagSecondsCritical);
  local backlogSteps = theme.warnAndBadFrom(config.backlogUsageWarning, 1);

  local unlessNone(expr) = q.orElse(expr, -1, q.cluster.gauge('redis_cluster_discovery_up'));

  local now = [
    p.stat(
      'Worst lag',
      's',
      help(
        'Age of the data of the replica that is furthest behind.',
        'Below %d s.' % config.lagSecondsWarning,
        'From %d s; from %d s at the latest somebody should look.' % [config.lagSecondsWarning, config.lagSecondsCritical],
        '`INFO replication` on that replica and on its master.'
      ),
      [target(unlessNone(q.max(q.everyNode.gauge('redis_replica_lag_seconds'))), legend.cluster)],
      { steps: lagSteps, names: theme.noReplica, decimals: 1, drill: 'nodes' }
    ),
    p.stat(
      'Fullest backlog',
      'percentunit',
      help(
        "The largest lag of a replica over its master's backlog.",
        'Below %d %%.' % (config.backlogUsageWarning * 100),
        'Beyond 100 %: if the link breaks now, a full sync follows.',
        '`INFO replication`: `repl_backlog_size`; `CONFIG SET repl-backlog-size` makes it larger.'
      ),
      [target(unlessNone(q.max(q.everyNode.gauge('redis_replica_backlog_usage_ratio'))), legend.cluster)],
      { steps: backlogSteps, names: theme.noReplica, decimals: 1, drill: 'nodes' }
    ),
    p.stat(
      'Links down',
      'none',
      help(
        'Replicas whose link to their master is down.',
        '0.',
        'Any: the replica gets older every second, and after a while may not take over.',
        '`INFO replication` on the replica: `master_link_status`; its log; `masterauth`.'
      ),
      [target(unlessNone(q.sum('%s == bool 0' % q.everyNode.gauge('redis_master_link_up'))), legend.cluster)],
      { steps: theme.badFrom(1), names: theme.noReplica, drill: 'nodes' }
    ),
    p.stat(
      'Replicas not eligible',
      'none',
      help(
        'Replicas that could not take over from their master now: their data are too old, or they are told never to.',
        '0.',
        'Any; all replicas of one shard: its master must not fail.',
        '`CONFIG GET cluster-replica-validity-factor`, `CONFIG GET cluster-replica-no-failover` on them.'
      ),
      [target(unlessNone(q.sum('%s == bool 0' % q.everyNode.gauge('redis_replica_failover_eligible'))), legend.cluster)],
      { steps: theme.warnFrom(1), names: theme.noReplica, drill: 'nodes' }
    ),
    p.stat(
      'Masters alone',
      'none',
      help(
        'Masters with slots and without a replica that is healthy and linked.',
        '0.',
        'Any: when it fails, its slots are gone until it comes back.',
        '`CLUSTER REPLICATE` on a spare node, or `redis-cli --cluster add-node NEW OLD --cluster-slave`.'
      ),
      [target(q.cluster.gauge('redis_cluster_masters_without_replica'), legend.cluster)],
      { steps: theme.warnFrom(1), drill: 'overview' }
    ),
    p.stat(
      'Quorum margin',
      'none',
      help(
        'Masters that may be lost at once with a majority left to vote.',
        '1 or more.',
        '0 or less: no further failover, or none at all.',
        '`CLUSTER NODES`: masters that are `fail`; `CLUSTER FAILOVER TAKEOVER` on a replica works without a majority.'
      ),
      [target(q.cluster.gauge('redis_cluster_quorum_margin'), legend.cluster)],
      { steps: theme.steps([[-100, theme.bad], [0, theme.warning], [1, theme.good]]), drill: 'overview' }
    ),
    p.stat(
      'Failovers',
      'none',
      help(
        'Times that a replica took over, in the time shown.',
        '0, or those that you asked for.',
        'More than %d in an hour: a node or its network comes and goes.' % config.failoversPerHourWarning,
        '`INFO server` of the old masters: were they restarted? `LATENCY DOCTOR`: did they hang?'
      ),
      [target(q.cluster.inRange('redis_cluster_failovers_total'), legend.cluster)],
      { steps: theme.warnFrom(config.failoversPerHourWarning + 1), drill: 'overview' }
    ),
    p.stat(
      'Full syncs',
      'none',
      help(
        'Full syncs that masters gave to replicas, in the time shown.',
        '0, or one for each replica that was added or restarted.',
        'More than %d: replicas lose their place again and again; each sync forks the master and sends all its data.' % config.fullSyncsWarning,
        '`INFO stats`: `sync_partial_err`; a larger `repl-backlog-size` or a larger output buffer limit for replicas.'
      ),
      [target(q.cluster.inRange('redis_cluster_full_syncs_total'), legend.cluster)],
      { steps: theme.warnFrom(config.fullSyncsWarning + 1), drill: 'overview' }
    ),
  ];

  local lag = [
    p.timeseries(
      'Lag in seconds',
      's',
      help(
        'How long ago the master was where its replica is now. A floor of about one second, that of acknowledgements, is normal under load.',
        'Below %d s.' % config.lagSecondsWarning,
        'A line that rises by one second a second: the link is down, or the replica hangs. High plateaus: it cannot keep up.',
        '`INFO replication` on both; `SLOWLOG GET 10` on the replica.'
      ),
      [target(q.node.gauge('redis_replica_lag_seconds'), legend.node)],
      { w: 12, steps: lagSteps }
    ),
    p.timeseries(
      'Lag in bytes',
      'bytes',
      help(
        "Bytes of its master's stream that the replica has not acknowledged.",
        'About what is written in a second.',
        'A line that rises all the time.',
        '`INFO replication`: `master_repl_offset` of the master less `slave_repl_offset` of the replica.'
      ),
      [target(q.node.gauge('redis_replica_lag_bytes'), legend.node)],
      { w: 12 }
    ),
    p.timeseries(
      'Backlog in use',
      'percentunit',
      help(
        "The replica's lag over the size of its master's backlog.",
        'Below %d %%.' % (config.backlogUsageWarning * 100),
        'Beyond 100 %: should the link break, a full sync follows.',
        '`CONFIG GET repl-backlog-size`: it should hold what is written while a replica restarts.'
      ),
      [target(q.node.gauge('redis_replica_backlog_usage_ratio'), legend.node)],
      { steps: backlogSteps, softMax: 1 }
    ),
    p.timeseries(
      'Not received',
      'bytes',
      help(
        "Bytes that have not reached the replica: the part of the lag that is the network's, or the master's output buffer.",
        'Near 0.',
        'Rises while `Not applied` stays: the network or the master is slow.',
        '`CLIENT LIST TYPE replica` on the master: `omem` is what waits there.'
      ),
      [target(q.node.gauge('redis_replica_receive_lag_bytes'), legend.node)]
    ),
    p.timeseries(
      'Not applied',
      'bytes',
      help(
        'Bytes that the replica has not applied, whether received or not.',
        'Near 0.',
        'Rises while `Not received` stays: the replica is busy or blocked.',
        '`SLOWLOG GET 10` and `LATENCY LATEST` on the replica.'
      ),
      [target(q.node.gauge('redis_replica_apply_lag_bytes'), legend.node)]
    ),
    p.table(
      'Replicas',
      'short',
      help(
        'One row for each chosen replica.',
        'Up, linked, eligible; no other history, no other master.',
        "Other history: its data are not its master's, a full sync is due. Other master: it follows another address than the cluster says.",
        'Click the replica. `INFO replication`, `CLUSTER NODES`.'
      ),
      [
        p.labelsOnly(q.replicasWithMaster),
        p.column('Up', q.replicas(q.node.gauge('redis_up')), 'none', p.named(theme.upDown)),
        p.column('Link', q.node.gauge('redis_master_link_up'), 'none', p.named(theme.upDown)),
        p.column('Link down for', q.node.gauge('redis_replica_link_down_seconds'), 's'),
        p.column('Lag', q.node.gauge('redis_replica_lag_seconds'), 's', p.coloured(lagSteps) { decimals: 1 }),
        p.column('Lag in bytes', q.node.gauge('redis_replica_lag_bytes'), 'bytes'),
        p.column('Backlog', q.node.gauge('redis_replica_backlog_usage_ratio'), 'percentunit', p.coloured(backlogSteps) { decimals: 1 }),
        p.column('Acknowledged', q.node.gauge('redis_replica_ack_age_seconds'), 's'),
        p.column('Eligible', q.node.gauge('redis_replica_failover_eligible'), 'none', p.named(theme.yesNo)),
        p.column('Other history', q.node.gauge('redis_replica_replid_mismatch'), 'none', p.named(theme.noYes)),
        p.column('Other master', q.node.gauge('redis_replica_master_mismatch'), 'none', p.named(theme.noYes)),
      ],
      [[q.labels.node, 'Replica'], ['master', 'Master', { 'custom.width': 180 }], [q.labels.cluster, 'Cluster']]
    ),
  ];

  local states = [
    p.timeline(
      'Roles',
      'none',
      help(
        'Master or replica: what the cluster holds each chosen node for.',
        'Lines of one colour.',
        'Two lines that change places: a failover. A gap: the node is not known.',
        '`CLUSTER NODES`; `CLUSTER FAILOVER` on the replica gives the role back.'
      ),
      [target(q.role, legend.node)],
      { names: theme.role }
    ),
    p.timeline(
      'Links to the master',
      'none',
      help(
        'Whether each chosen replica is connected to its master; a gap while the node is a master or does not answer.',
        'up all the time.',
        'DOWN: the replica gets older. Flapping: output buffer limit, network, or a master that hangs.',
        '`INFO replication` on the replica; `CONFIG GET client-output-buffer-limit` and the log of the master.'
      ),
      [target(q.node.gauge('redis_master_link_up'), legend.node)],
      { names: theme.upDown }
    ),
    p.timeline(
      'Eligible to take over',
      'none',
      help(
        'Whether each chosen replica could be promoted now, by its flags and the age of its data.',
        'yes all the time.',
        'NO: too long without its master, never synced, or configured not to.',
        '`CONFIG GET cluster-replica-validity-factor`; `INFO replication`: `master_link_down_since_seconds`.'
      ),
      [target(q.node.gauge('redis_replica_failover_eligible'), legend.node)],
      { names: theme.yesNo }
    ),
  ];

  local events = [
    p.timeseries(
      'Failovers',
      'none',
      help(
        'Times that a replica took over from its master, in the time of each bar. One at the edge of two bars may show in both.',
        'None, or those that you asked for.',
        'Several in a row.',
        '`CLUSTER NODES`; the log of the new master tells why and when.'
      ),
      [target(q.cluster.increase('redis_cluster_failovers_total'), legend.cluster)],
      { bars: true, drill: 'overview' }
    ),
    p.timeline(
      'Failover under way',
      'none',
      help(
        'Whether slots of a failed master wait for a replica that could take them, or a node hands over.',
        'no, but for some seconds.',
        'YES for minutes: nobody is elected. No majority, or no replica is eligible.',
        '`CLUSTER NODES`; as a last resort `CLUSTER FAILOVER TAKEOVER` on the replica.'
      ),
      [target(q.cluster.gauge('redis_cluster_failover_in_progress'), legend.cluster)],
      { names: theme.noYes, w: 8, drill: 'overview' }
    ),
    p.timeseries(
      'Epoch',
      'none',
      help(
        'The highest epoch that each chosen node has seen. Each election raises it.',
        'One line, with a step for each failover.',
        'Steps without a failover: replicas ask for votes and do not get a majority. Lines apart for minutes: a partition.',
        '`CLUSTER INFO`: `cluster_current_epoch`; logs of replicas and masters tell who asked and who refused.'
      ),
      [target(q.node.gauge('redis_cluster_current_epoch'), legend.node)],
      { stepped: true, min: null }
    ),
    p.timeseries(
      'Syncs',
      'none',
      help(
        'Syncs that chosen masters granted, and denied, in the time of each bar (one at the edge of two may show in both). denied: the place was not in the backlog, a full sync follows.',
        'Nothing; partial after a short break of a link.',
        'full again and again.',
        '`INFO stats`: `sync_full`, `sync_partial_ok`, `sync_partial_err`; `CONFIG GET repl-backlog-size`.'
      ),
      [
        target(q.sum(q.node.increase('redis_replica_resyncs_full_total')), legend.of('full')),
        target(q.sum(q.node.increase('redis_replica_partial_resync_accepted_total')), legend.of('partial')),
        target(q.sum(q.node.increase('redis_replica_partial_resync_denied_total')), legend.of('denied')),
      ],
      { bars: true, words: ['full', 'partial', 'denied'], drill: 'nodes' }
    ),
    p.timeseries(
      'Replication traffic',
      'binBps',
      help(
        'Bytes a second that chosen nodes received from their master, and sent to their replicas.',
        'What is written, once for each replica.',
        'A tower: a full sync. 0 while clients write: the link is down.',
        '`INFO stats`: `total_net_repl_output_bytes`.'
      ),
      [
        target(q.node.rate('redis_net_repl_input_bytes_total'), legend.nodeOf('received')),
        target(q.node.rate('redis_net_repl_output_bytes_total'), legend.nodeOf('sent')),
      ]
    ),
    p.timeseries(
      'Memory for replication',
      'bytes',
      help(
        'Backlog and output buffers for replicas, of each chosen node.',
        'About the size of the backlog.',
        'Far above it: a replica does not read what its master sends; the limit on its buffer will cut it off.',
        '`CLIENT LIST TYPE replica`; `CONFIG GET client-output-buffer-limit`.'
      ),
      [target(q.node.gauge('redis_mem_total_replication_buffers_bytes'), legend.node)]
    ),
  ];

  local redundancy = [
    p.timeseries(
      'Failures survivable',
      'none',
      help(
        'Nodes, and hosts, that may be lost at once, the worst ones, with all slots served in the end.',
        'At least 1.',
        '0: the next loss is an outage.',
        '`CLUSTER NODES`: which master has no replica on another host?'
      ),
      [
        target(q.cluster.gauge('redis_cluster_node_failures_survivable'), legend.of('nodes')),
        target(q.cluster.gauge('redis_cluster_host_failures_survivable'), legend.of('hosts')),
      ],
      { stepped: true, drill: 'overview' }
    ),
    p.timeseries(
      'Votes needed and there',
      'none',
      help(
        'Masters with slots, the votes that a failover needs, and how many masters may still be lost. expected: by `--expect.masters`, if it is given.',
        'A margin of 1 or more; as many masters as expected.',
        'A margin of 0 or below. Fewer masters than expected: some have no slots, or are not there.',
        '`CLUSTER INFO`: `cluster_size`; `CLUSTER NODES`: masters that are `fail`.'
      ),
      [
        target(q.cluster.gauge('redis_cluster_voting_masters'), legend.of('voting masters')),
        target(q.cluster.gauge('redis_cluster_expected_voting_masters'), legend.of('expected')),
        target(q.cluster.gauge('redis_cluster_quorum'), legend.of('votes needed')),
        target(q.cluster.gauge('redis_cluster_quorum_margin'), legend.of('margin')),
      ],
      { stepped: true, min: null, drill: 'overview' }
    ),
    p.timeseries(
      'Masters by host',
      'none',
      help(
        'Voting masters on each host.',
        'As even as the number of hosts allows; less than half of all on any host.',
        'Half or more on one host: its loss ends the quorum.',
        '`CLUSTER FAILOVER` on a replica elsewhere moves a master.'
      ),
      [target(q.cluster.gauge('redis_cluster_host_masters', '', ['host']), legend.of('{{host}}'))],
      { stepped: true, drill: 'overview' }
    ),
    p.timeseries(
      'Placement at fault',
      'none',
      help(
        'Hosts whose loss ends the quorum or takes a whole shard, and shards that are on one host or in one zone.',
        '0.',
        'Any: the replicas do not protect from the loss of that host or zone.',
        '`CLUSTER REPLICATE` gives a replica another master; `CLUSTER NODES` shows the addresses.'
      ),
      [
        target(q.cluster.gauge('redis_cluster_hosts_critical'), legend.of('critical hosts')),
        target(q.cluster.gauge('redis_cluster_shards_single_host'), legend.of('shards on one host')),
        target(q.cluster.gauge('redis_cluster_shards_single_zone'), legend.of('shards in one zone')),
      ],
      { stepped: true, drill: 'overview' }
    ),
    p.timeseries(
      'Replicas of masters',
      'none',
      help(
        'Healthy and linked replicas of each chosen master.',
        'At least %d.' % config.replicasMinimum,
        '0: that master must not fail.',
        '`INFO replication` on the master: its `slaveN` lines.'
      ),
      [target(q.node.gauge('redis_cluster_master_healthy_replicas'), legend.node)],
      { stepped: true }
    ),
    p.timeseries(
      'Who suspects whom',
      'none',
      help(
        'How many masters hold each chosen node for suspect (pfail) or failed (fail).',
        '0.',
        'Some, but fewer than a majority, for minutes: a partition in the network. A majority: a failover follows.',
        '`CLUSTER NODES` on several masters; are the bus ports (port + 10000) open both ways?'
      ),
      [target(q.node.gauge('redis_cluster_node_reporters', '', ['flag']), legend.nodeOf('{{flag}}'))],
      { stepped: true }
    ),
    p.timeseries(
      'Bus links down',
      'none',
      help(
        'Links of the cluster bus that are down, of each chosen node, those to failed nodes left out.',
        '0.',
        'Any for minutes: news, votes and publishes do not pass there.',
        '`CLUSTER LINKS` on that node; firewalls between the bus ports.'
      ),
      [target(q.node.gauge('redis_cluster_node_links_down'), legend.node)],
      { w: 12, stepped: true }
    ),
    p.timeseries(
      'Bus messages',
      'cps',
      help(
        'Messages a second that the chosen nodes sent over the cluster bus, by type.',
        'ping and pong in proportion to the number of nodes.',
        'fail, update, or publish in large numbers.',
        '`CLUSTER INFO`: `cluster_stats_messages_sent`; sharded pub/sub (`SPUBLISH`) keeps publishes off the bus.'
      ),
      [target(q.sum(q.node.rate('redis_cluster_bus_messages_total', 'direction="sent"', ['type']), ['type']), legend.of('{{type}}'))],
      { w: 12, drill: 'nodes' }
    ),
  ];

  d.dashboard('replication', 'Replication and failover', 'How far behind are replicas, could they take over, and what has happened?', [
    d.section(null, now),
    d.section('Lag', lag),
    d.section('Roles and links', states),
    d.section('Failovers and syncs', events),
    d.section('Redundancy, quorum and the bus', redundancy),
  ])
