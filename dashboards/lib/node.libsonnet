// Redis Cluster / Node: everything about one node or several.
function(lib)
  local config = lib.config, theme = lib.theme, q = lib.q, p = lib.p, d = lib.d;
  local help = p.help, target = p.target, legend = q.legend;

  local gauge(metric, matchers='', keep=[]) = q.node.gauge(metric, matchers, keep);
  local rate(metric, matchers='', keep=[]) = q.node.rate(metric, matchers, keep);
  // The chosen nodes together, by command.
  local byCommand(metric) = q.sum(rate(metric, '', ['cmd']), ['cmd']);
  local memorySteps = theme.warnAndBadFrom(config.memoryUsageWarning, config.memoryUsageCritical);
  local connectionSteps = theme.warnFrom(config.connectionsWarning);
  // What counts against maxclients; servers before 6.2 tell neither the links of the bus nor the limit.
  local connections = '(%s + %s + (%s or %s * 0)) / (%s or %s)' % [
    gauge('redis_connected_clients'),
    gauge('redis_connected_slaves'),
    gauge('redis_cluster_connections'),
    gauge('redis_connected_clients'),
    gauge('redis_max_clients'),
    gauge('redis_config_maxclients'),
  ];
  local hitShare = q.share(
    rate('redis_keyspace_hits_total'),
    '(%s + %s)' % [rate('redis_keyspace_hits_total'), rate('redis_keyspace_misses_total')]
  );

  local now = [
    p.table(
      'Nodes',
      'short',
      help(
        'One row for each chosen node.',
        'Up, and ok in its own view.',
        'DOWN: the exporter cannot read it; the dashboard Exporter tells why. Started a moment ago: it crashed or was restarted.',
        'Click a node to see it alone. `INFO server`, `CLUSTER INFO`.'
      ),
      [
        p.labelsOnly(gauge('redis_cluster_node_info', '', ['role', 'flavor', 'version', 'maxmemory_policy'])),
        p.column('Up', gauge('redis_up'), 'none', p.named(theme.upDown)),
        p.column('State', gauge('redis_cluster_state'), 'none', p.named(theme.okFail)),
        p.column('Running for', gauge('redis_uptime_in_seconds'), 'dtdurations'),
        p.column('Slots', gauge('redis_cluster_node_slots'), 'none'),
        p.column('Keys', q.sumNodes(gauge('redis_db_keys', '', ['db'])), 'short'),
        p.column('Memory', gauge('redis_memory_used_bytes'), 'bytes'),
        p.column('Of limit', q.memoryUsage(q.node), 'percentunit', p.coloured(memorySteps) { decimals: 1 }),
        p.column('Clients', gauge('redis_connected_clients'), 'short'),
        p.column('Commands', rate('redis_commands_processed_total'), 'ops'),
      ],
      [[q.labels.node, 'Node'], ['role', 'Role'], ['flavor', 'Server'], ['version', 'Version'], ['maxmemory_policy', 'Policy'], [q.labels.cluster, 'Cluster']],
      { h: 9 }
    ),
  ];

  local memory = [
    p.timeseries(
      'Memory of limit',
      'percentunit',
      help(
        'Used memory over maxmemory. A node without a limit has no line.',
        'Below %d %%.' % (config.memoryUsageWarning * 100),
        'Above it: evictions, or OOM errors for writes, by the policy in the table above.',
        '`MEMORY STATS`, `redis-cli --memkeys`, `CONFIG GET maxmemory-policy`.'
      ),
      [target(q.memoryUsage(q.node), legend.node)],
      { steps: memorySteps, softMax: 1 }
    ),
    p.timeseries(
      'Used memory',
      'bytes',
      help(
        'What the server has allocated.',
        'Level, or in step with the keys.',
        'A rise while the keys stay: larger values, client buffers, or the replication buffers (see Memory by purpose).',
        '`MEMORY DOCTOR`, `INFO memory`.'
      ),
      [target(gauge('redis_memory_used_bytes'), legend.node)]
    ),
    p.timeseries(
      'Resident memory',
      'bytes',
      help(
        'Physical memory that the server process occupies.',
        'Somewhat above used memory.',
        'Near the memory of the host or of its container: it will be killed. Below used memory: parts are swapped out.',
        '`INFO memory`: `used_memory_rss`; `MEMORY PURGE` gives back what the allocator holds.'
      ),
      [target(gauge('redis_memory_used_rss_bytes'), legend.node)]
    ),
    p.timeseries(
      'Memory by purpose',
      'bytes',
      help(
        'Memory of all chosen nodes together: data, what an empty server takes, clients, replication, AOF buffers, scripts, cluster bus.',
        'Data are most of it.',
        'Another part grows: clients that do not read their replies, slow replicas, or many scripts.',
        '`MEMORY STATS`; `CLIENT LIST` sorted by `tot-mem`.'
      ),
      [
        target(q.sum(gauge('redis_memory_used_dataset_bytes')), legend.of('data')),
        target(q.sum(gauge('redis_memory_used_startup_bytes')), legend.of('empty server')),
        target(q.sum(gauge('redis_mem_clients_normal')), legend.of('clients')),
        target(q.sum(gauge('redis_mem_total_replication_buffers_bytes')), legend.of('replication')),
        target(q.sum(gauge('redis_mem_aof_buffer_bytes')), legend.of('AOF buffers')),
        target(q.sum(gauge('redis_memory_used_vm_bytes')), legend.of('script engines')),
        target(q.sum(gauge('redis_mem_cluster_links_bytes')), legend.of('cluster bus')),
      ],
      { stacked: true, drill: 'overview' }
    ),
    p.timeseries(
      'Fragmentation',
      'none',
      help(
        'Pages with allocations in them over the bytes allocated: true external fragmentation.',
        'Below 1.3.',
        'Above 1.5 for long: memory is lost between small free pieces.',
        '`CONFIG SET activedefrag yes`; `MEMORY DOCTOR`.'
      ),
      [target(gauge('redis_allocator_frag_ratio'), legend.node)],
      { min: 1, softMax: 1.5, decimals: 2 }
    ),
    p.timeseries(
      'Evicted and expired',
      'cps',
      help(
        'Keys a second that were removed: evicted for lack of memory, expired as they were told to.',
        'No evictions, unless the node is a cache.',
        'Evictions on a node that is no cache: data are lost.',
        '`INFO stats`: `evicted_keys`; `CONFIG GET maxmemory`.'
      ),
      [
        target(rate('redis_evicted_keys_total'), legend.nodeOf('evicted')),
        target(rate('redis_expired_keys_total'), legend.nodeOf('expired')),
      ]
    ),
  ];

  local clients = [
    p.timeseries(
      'Connections of limit',
      'percentunit',
      help(
        'Clients, replicas and links of the bus over maxclients.',
        'Below %d %%.' % (config.connectionsWarning * 100),
        'At 100 %: new connections are refused.',
        '`CLIENT LIST`: many that are idle? `CONFIG GET maxclients`, `CONFIG GET timeout`.'
      ),
      [target(connections, legend.node)],
      { steps: connectionSteps }
    ),
    p.timeseries(
      'Clients',
      'short',
      help(
        'Connected clients, and those that wait in a blocking command.',
        'Steady; blocked ones as many as your queues have readers.',
        'A staircase: connections that are never closed.',
        '`CLIENT LIST`, `CLIENT INFO`.'
      ),
      [
        target(gauge('redis_connected_clients'), legend.nodeOf('connected')),
        target(gauge('redis_blocked_clients'), legend.nodeOf('blocked')),
      ]
    ),
    p.timeseries(
      'New and refused connections',
      'cps',
      help(
        'Connections a second that were accepted, and refused for the limit on clients.',
        'Few new ones: clients keep their connections. No refused ones.',
        'Many new ones: clients without a pool; each costs more than a command. Any refused one: clients fail.',
        '`INFO stats`: `rejected_connections`; `CLIENT LIST`: `age`.'
      ),
      [
        target(rate('redis_connections_received_total'), legend.nodeOf('new')),
        target(rate('redis_rejected_connections_total'), legend.nodeOf('refused')),
      ]
    ),
    p.timeseries(
      'Clients by kind',
      'short',
      help(
        'Connections of all chosen nodes by kind. Needs the collector clients (`--collector.clients`).',
        'As your applications are built.',
        'pubsub or normal that only grows.',
        '`CLIENT LIST TYPE pubsub`.'
      ),
      [target(q.sum(gauge('redis_clients', '', ['kind']), ['kind']), legend.of('{{kind}}'))],
      { drill: 'overview' }
    ),
    p.timeseries(
      'Largest client buffers',
      'bytes',
      help(
        'The largest input, and output, buffer among the present clients.',
        'Kilobytes.',
        'Megabytes: very large requests, or a client that does not read its replies; the server may run out of memory or cut it off.',
        '`CLIENT LIST`: `qbuf`, `omem`; `CONFIG GET client-output-buffer-limit`.'
      ),
      [
        target(gauge('redis_client_recent_max_input_buffer_bytes'), legend.nodeOf('input')),
        target(gauge('redis_client_recent_max_output_buffer_bytes'), legend.nodeOf('output')),
      ]
    ),
    p.timeseries(
      'Clients cut off',
      'cps',
      help(
        'Clients a second that were evicted for their memory, or cut off for their buffers (Redis 7.4, Valkey 8).',
        'None.',
        'Any: a consumer that is too slow, or a request that is too large.',
        '`CLIENT LIST`; log of the server.'
      ),
      [
        target(rate('redis_evicted_clients_total'), legend.nodeOf('evicted')),
        target(rate('redis_client_output_buffer_limit_disconnections_total'), legend.nodeOf('output buffer')),
        target(rate('redis_client_query_buffer_limit_disconnections_total'), legend.nodeOf('query buffer')),
      ]
    ),
  ];

  local commands = [
    p.timeseries(
      'Commands',
      'ops',
      help(
        'Commands a second of each chosen node.',
        'Follows the load.',
        'A drop to 0, or far above its peers.',
        '`INFO commandstats`, `redis-cli --hotkeys`; `MONITOR` for a moment only: it costs much.'
      ),
      [target(rate('redis_commands_processed_total'), legend.node)]
    ),
    p.timeseries(
      'Calls by command',
      'ops',
      help(
        'The ten commands that the chosen nodes are called for most.',
        'Those your applications use.',
        '`keys`, `flushall`, `smembers` and the like in production; thousands of `cluster|slots`: clients that reconnect all the time.',
        '`INFO commandstats`; `ACL SETUSER` can forbid a command.'
      ),
      [target(q.top(10, byCommand('redis_commands_total')), legend.of('{{cmd}}'))],
      { drill: 'overview' }
    ),
    p.timeseries(
      'Time by command',
      'percentunit',
      help(
        'The ten commands that the chosen nodes spend most time in; 100 % is one main thread that does nothing else.',
        'Far below 100 % for each node.',
        'One command takes most of it: that is what to make cheaper.',
        '`SLOWLOG GET 10`, `LATENCY DOCTOR`.'
      ),
      [target(q.top(10, byCommand('redis_commands_duration_seconds_total')), legend.of('{{cmd}}'))],
      { drill: 'overview' }
    ),
    p.timeseries(
      'Mean latency by command',
      's',
      help(
        'Mean time of the ten slowest commands inside the server, waiting for it left out.',
        'Microseconds; more only for commands on many elements.',
        'Milliseconds: every other client waits meanwhile.',
        '`SLOWLOG GET 10`; `OBJECT ENCODING` and `MEMORY USAGE` of the keys named there.'
      ),
      [target(q.top(10, q.share(byCommand('redis_commands_duration_seconds_total'), byCommand('redis_commands_total'))), legend.of('{{cmd}}'))],
      { drill: 'overview' }
    ),
    p.timeseries(
      'Latency quantiles',
      's',
      help(
        'The time within which 50 %, 99 % and 99.9 % of all commands of the chosen nodes ended, lately. Needs the collector latency-histogram (`--collector.latency-histogram`).',
        'Below a millisecond.',
        'The 99.9 % line far from the others: some commands block the rest.',
        '`LATENCY HISTOGRAM`, `SLOWLOG GET 10`.'
      ),
      [
        target('histogram_quantile(%s, %s)' % [
          pair[0],
          q.sum(rate('redis_commands_latencies_seconds_bucket', '', ['cmd', 'le']), ['le']),
        ], legend.of(pair[1]))
        for pair in [['0.5', '50 %'], ['0.99', '99 %'], ['0.999', '99.9 %']]
      ],
      { drill: 'overview' }
    ),
    p.timeseries(
      'Slowest commands, 99 %',
      's',
      help(
        'The ten commands with the highest 99 % quantile on any chosen node, over all the time since that node was started or its statistics reset (Redis 7).',
        'Below a millisecond.',
        'A command that you thought cheap.',
        '`INFO latencystats`; `CONFIG RESETSTAT` begins anew.'
      ),
      [target(q.top(10, q.max(gauge('redis_latency_percentiles_seconds', 'quantile="0.99"', ['cmd']), ['cmd'])), legend.of('{{cmd}}'))],
      { drill: 'overview' }
    ),
  ];

  local errors = [
    p.timeseries(
      'Errors by kind',
      'cps',
      help(
        "Error replies a second of all chosen nodes, by their first word. MOVED and ASK are a cluster's normal redirections.",
        'Only those that you know.',
        'CLUSTERDOWN, OOM, READONLY, MISCONF, NOREPLICAS: writes fail. WRONGPASS, NOPERM: rights.',
        '`INFO errorstats`, `ACL LOG`.'
      ),
      [target(q.sum(rate('redis_errors_total', '', ['err']), ['err']), legend.of('{{err}}'))],
      { words: ['MOVED', 'ASK'], drill: 'slots' }
    ),
    p.timeseries(
      'Failed and rejected calls',
      'cps',
      help(
        'The ten commands with most calls that failed while they ran, and that were refused before (rights, memory limit, wrong number of arguments).',
        'None.',
        'Any that grows with the load: a client that is wrong, or a right that it lacks.',
        '`INFO commandstats`: `failed_calls`, `rejected_calls`.'
      ),
      [
        target(q.top(10, byCommand('redis_commands_failed_calls_total') + ' > 0'), legend.of('{{cmd}} failed')),
        target(q.top(10, byCommand('redis_commands_rejected_calls_total') + ' > 0'), legend.of('{{cmd}} rejected')),
      ],
      { drill: 'overview' }
    ),
    p.timeseries(
      'Access denied',
      'cps',
      help(
        'Logins that failed, and commands, keys and channels that the ACL refused, a second (Redis 7.2).',
        'None.',
        'Many logins: a wrong password somewhere, or somebody who guesses.',
        '`ACL LOG 10`, `ACL GETUSER`.'
      ),
      [
        target(rate('redis_acl_access_denied_auth_total'), legend.nodeOf('logins')),
        target(rate('redis_acl_access_denied_cmd_total'), legend.nodeOf('commands')),
        target(rate('redis_acl_access_denied_key_total'), legend.nodeOf('keys')),
      ],
      { noValue: 'Told by Redis 7.2 and later' }
    ),
  ];

  local slow = [
    p.timeseries(
      'Slow commands',
      'cps',
      help(
        'Entries a second that the slow log gained.',
        'None, or few.',
        'A burst together with a rise of latency: the commands are in the log.',
        '`SLOWLOG GET 10`; `CONFIG GET slowlog-log-slower-than` is the limit.'
      ),
      [target(rate('redis_slowlog_last_id'), legend.node)]
    ),
    p.timeseries(
      'Newest slow command',
      's',
      help(
        'How long the newest entry of the slow log took.',
        'Some tens of milliseconds at most.',
        'Seconds: the node answered nobody for that time; from cluster-node-timeout on it is suspected.',
        '`SLOWLOG GET 1`.'
      ),
      [target(gauge('redis_last_slow_execution_duration_seconds'), legend.node)],
      { stepped: true }
    ),
    p.timeseries(
      'Latency events',
      's',
      help(
        'How long the event that the latency monitor saw last took, by its name. The monitor is off unless `latency-monitor-threshold` is set.',
        'No line.',
        'fork: large memory and slow pages. aof-fsync-always, aof-write: slow disk. command: see the slow log. expire-cycle, eviction-cycle: many keys at once.',
        '`LATENCY LATEST`, `LATENCY HISTORY command`, `LATENCY DOCTOR`.'
      ),
      [target(gauge('redis_latency_spike_duration_seconds', '', ['event_name']), legend.nodeOf('{{event_name}}'))],
      { stepped: true }
    ),
  ];

  local persistence = [
    p.timeline(
      'Last saves',
      'none',
      help(
        'Whether the last RDB save, AOF rewrite and AOF write of each chosen node succeeded.',
        'ok on all lines.',
        'FAIL: the disk is full, or there is no memory for the fork. With stop-writes-on-bgsave-error the node refuses writes.',
        '`INFO persistence`, the log of the server; `BGSAVE` tries again.'
      ),
      [
        target(gauge('redis_rdb_last_bgsave_status'), legend.nodeOf('RDB save')),
        target(gauge('redis_aof_last_bgrewrite_status'), legend.nodeOf('AOF rewrite')),
        target(gauge('redis_aof_last_write_status'), legend.nodeOf('AOF write')),
      ],
      { names: theme.okFail, w: 16 }
    ),
    p.timeseries(
      'Age of the last RDB save',
      's',
      help(
        'Time since the last RDB save that succeeded, or since the start of the server if there was none.',
        'A saw-tooth, if you rely on RDB.',
        'Rises beyond the interval of `save`: saves fail or are turned off.',
        '`LASTSAVE`, `CONFIG GET save`, `BGSAVE`.'
      ),
      [target('time() - ' + gauge('redis_rdb_last_save_timestamp_seconds'), legend.node)]
    ),
    p.timeseries(
      'Changes not saved',
      'short',
      help(
        'Changes since the last RDB save: what a crash would lose on a node without AOF.',
        'A saw-tooth.',
        'Only rises.',
        '`INFO persistence`: `rdb_changes_since_last_save`; is `appendonly` on?'
      ),
      [target(gauge('redis_rdb_changes_since_last_save'), legend.node)]
    ),
    p.timeseries(
      'Append-only file',
      'bytes',
      help(
        'Size of the AOF; no line where it is off.',
        'A saw-tooth: it grows and is rewritten.',
        'Only rises: rewrites fail, and the next start takes long.',
        '`BGREWRITEAOF`; `INFO persistence`: `aof_base_size`.'
      ),
      [target(gauge('redis_aof_current_size_bytes'), legend.node)]
    ),
    p.timeseries(
      'Writes that waited for the disk',
      'cps',
      help(
        'AOF writes a second that had to wait for an fsync.',
        'None.',
        'Any: the disk is too slow, and clients wait for it.',
        '`INFO persistence`: `aof_delayed_fsync`; `CONFIG GET no-appendfsync-on-rewrite`.'
      ),
      [target(rate('redis_aof_delayed_fsync_total'), legend.node)]
    ),
    p.timeseries(
      'Last fork',
      's',
      help(
        'How long the last fork blocked the node.',
        'Tens of milliseconds.',
        'More than %d s: it answers nobody meanwhile, and may be suspected.' % config.forkSecondsWarning,
        '`INFO stats`: `latest_fork_usec`; transparent huge pages should be off; smaller shards fork faster.'
      ),
      [target(gauge('redis_latest_fork_seconds'), legend.node)],
      { steps: theme.warnFrom(config.forkSecondsWarning), stepped: true, w: 12 }
    ),
    p.timeseries(
      'Copied during the last save',
      'bytes',
      help(
        'Memory that was copied while the last RDB save, or AOF rewrite, ran.',
        'A small part of used memory.',
        'Near used memory: plan for twice the memory.',
        '`INFO persistence`: `rdb_last_cow_size`.'
      ),
      [
        target(gauge('redis_rdb_last_cow_size_bytes'), legend.nodeOf('RDB')),
        target(gauge('redis_aof_last_cow_size_bytes'), legend.nodeOf('AOF')),
      ],
      { stepped: true, w: 12 }
    ),
  ];

  local keyspace = [
    p.timeseries(
      'Keys',
      'short',
      help(
        'Keys of each chosen node, over all its databases.',
        'A replica has as many as its master.',
        'A cliff: a flush, evictions, or an empty restart.',
        '`INFO keyspace`, `DBSIZE`.'
      ),
      [target(q.sumNodes(gauge('redis_db_keys', '', ['db'])), legend.node)]
    ),
    p.timeseries(
      'Keys that expire',
      'percentunit',
      help(
        'Share of the keys that have a time to live.',
        'What your applications intend.',
        'A fall on a cache: somebody writes keys that never go away.',
        '`INFO keyspace`: `expires`; `TTL` of some of `SCAN`.'
      ),
      [target(q.share(
        q.sumNodes(gauge('redis_db_keys_expiring', '', ['db'])),
        q.sumNodes(gauge('redis_db_keys', '', ['db']))
      ), legend.node)],
      { softMax: 1 }
    ),
    p.timeseries(
      'Hit ratio',
      'percentunit',
      help(
        'Look-ups that found their key, over all look-ups.',
        'High and steady for a cache; for a store it depends.',
        'A fall: evictions, too short a time to live, or a new kind of request.',
        '`INFO stats`: `keyspace_hits`, `keyspace_misses`.'
      ),
      [target(hitShare, legend.node)],
      { softMax: 1 }
    ),
  ];

  local host = [
    p.timeseries(
      'Network',
      'binBps',
      help(
        'Bytes a second that each chosen node received and sent, replication included.',
        'Follows the load.',
        'A plateau near what the network or the container may carry.',
        '`INFO stats`; `redis-cli --bigkeys`.'
      ),
      [
        target(rate('redis_net_input_bytes_total'), legend.nodeOf('received')),
        target(rate('redis_net_output_bytes_total'), legend.nodeOf('sent')),
      ]
    ),
    p.timeseries(
      'Processor',
      'percentunit',
      help(
        'Processor time of each chosen server, all its threads; 100 % is one processor.',
        'Well below 100 % on a node without I/O threads.',
        'Near 100 %: the main thread is busy, latency rises for all.',
        '`INFO cpu`, `INFO commandstats`; more shards, or `io-threads`.'
      ),
      [
        target(rate('redis_cpu_user_seconds_total'), legend.nodeOf('user')),
        target(rate('redis_cpu_sys_seconds_total'), legend.nodeOf('system')),
      ]
    ),
    p.timeseries(
      'Main thread',
      'percentunit',
      help(
        'Processor time of the thread that runs all commands (Redis 6.2).',
        'Below 70 %.',
        'Near 100 %: this node can do no more.',
        '`SLOWLOG GET 10`; move slots away with `redis-cli --cluster reshard`.'
      ),
      [target('%s + %s' % [rate('redis_cpu_user_main_thread_seconds_total'), rate('redis_cpu_sys_main_thread_seconds_total')], legend.node)],
      { softMax: 1 }
    ),
  ];

  d.dashboard('node', 'Node', 'Everything about one node or several.', [
    d.section(null, now),
    d.section('Memory', memory),
    d.section('Clients', clients),
    d.section('Commands', commands),
    d.section('Errors', errors),
    d.section('Slow log and latency monitor', slow),
    d.section('Persistence', persistence),
    d.section('Keyspace', keyspace),
    d.section('Network and processor', host),
  ])
