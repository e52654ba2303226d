// Redis Cluster / Exporter: does the monitoring itself work?
function(lib)
  local config = lib.config, theme = lib.theme, q = lib.q, p = lib.p, d = lib.d;
  local help = p.help, target = p.target, legend = q.legend;

  local instance = '{{instance}}';

  local now = [
    p.stat(
      'Exporter',
      'none',
      help(
        "Whether Prometheus reads the exporter's page.",
        'up.',
        'DOWN, or nothing: no figure on any of these dashboards is of now.',
        'Targets page of Prometheus; log of the exporter; `redis_cluster_exporter --check URL` from its host.'
      ),
      [target(q.exporter.gauge('up'), instance)],
      { names: theme.upDown, steps: theme.steps([[0, theme.bad], [1, theme.good]]), noValue: 'ABSENT', unknown: theme.bad, drill: 'overview' }
    ),
    p.stat(
      'Topology',
      'none',
      help(
        'Whether at least one node told the exporter what the cluster looks like.',
        'up.',
        'DOWN: no seed and no known node answers; the cluster may still be fine.',
        "`redis-cli -h HOST -p PORT CLUSTER NODES` from the exporter's host, as the exporter's user."
      ),
      [target(q.cluster.gauge('redis_cluster_discovery_up'), legend.cluster)],
      { names: theme.upDown, steps: theme.steps([[0, theme.bad], [1, theme.good]]), drill: 'overview' }
    ),
    p.stat(
      'Age of the topology',
      's',
      help(
        'Time since a node last told the topology.',
        '0.',
        'More than %d s: members and roles are as they were then.' % config.topologyAgeSecondsWarning,
        '`CLUSTER NODES` on a seed; failures by reason below.'
      ),
      [target(q.cluster.gauge('redis_cluster_topology_age_seconds'), legend.cluster)],
      { steps: theme.warnFrom(config.topologyAgeSecondsWarning), drill: 'overview' }
    ),
    p.stat(
      'Nodes read',
      'percentunit',
      help(
        'Nodes that answered the last scrape, over all nodes.',
        '100 %.',
        'Less: the figures of the others are missing.',
        "Nodes that cannot be read, below, with the reason; `PING` them from the exporter's host."
      ),
      [target(q.avg(q.everyNode.gauge('redis_up')), legend.cluster)],
      { steps: theme.steps([[0, theme.bad], [0.5, theme.warning], [1, theme.good]]), drill: 'nodes' }
    ),
    p.stat(
      'Time of a scrape',
      's',
      help(
        'How long the last scrape of the cluster took, from the first command to the last reply.',
        'Some milliseconds, a few more for hundreds of nodes.',
        'Near the scrape timeout of Prometheus: slow nodes are left out of the page.',
        'Slowest nodes below; `INFO commandstats` on them; `--redis.timeout`.'
      ),
      [target(q.cluster.gauge('redis_exporter_last_scrape_duration_seconds'), legend.cluster)],
      { steps: theme.warnAndBadFrom(config.scrapeSecondsWarning, config.scrapeSecondsCritical), drill: 'nodes' }
    ),
    p.stat(
      'Samples',
      'short',
      help(
        "Samples of the exporter's page as Prometheus counts them.",
        'Some 300 a node.',
        'Near the sample_limit of the job: beyond it the whole page is refused.',
        'Turn off collectors (`--no-collector.latencystats`); `redis_cluster_exporter --print-metrics` tells what each one costs.'
      ),
      [target(q.exporter.gauge('scrape_samples_scraped'), instance)],
      { steps: theme.plain, drill: 'overview' }
    ),
    p.stat(
      'Failures',
      'none',
      help(
        'Times that a node could not be read, in the time shown.',
        '0.',
        'Any: see the reasons.',
        "Failures by reason, below; `PING` from the exporter's host."
      ),
      [target(q.sum(q.cluster.inRange('redis_exporter_node_failures_total', '', ['reason'])), legend.cluster)],
      { steps: theme.warnFrom(1), drill: 'nodes' }
    ),
    p.stat(
      'Collectors failed',
      'none',
      help(
        'Collectors that a node refuses, or that did not end in time.',
        '0.',
        'Any: some families are missing for that node.',
        '`redis_cluster_exporter --print-acl 7.0` prints the rights that are needed; `ACL GETUSER`.'
      ),
      [target(q.orElse(q.count(q.everyNode.gauge('redis_exporter_collector_failed', '', ['collector'])), 0, q.cluster.gauge('redis_cluster_discovery_up')), legend.cluster)],
      { steps: theme.warnFrom(1), drill: 'nodes' }
    ),
  ];

  local scrapes = [
    p.timeseries(
      'Time of a scrape',
      's',
      help(
        'How long scrapes took: asking the nodes, by cluster, and the whole request as Prometheus saw it, by exporter.',
        'Far below the scrape timeout.',
        "A plateau at the timeout: a node hangs. Prometheus' line far above the other: the page is large, or the network slow.",
        '`INFO commandstats` on slow nodes; `SLOWLOG GET 10`.'
      ),
      [
        target(q.cluster.gauge('redis_exporter_last_scrape_duration_seconds'), legend.of('nodes')),
        target(q.exporter.gauge('scrape_duration_seconds'), instance + ' request'),
      ],
      { drill: 'nodes' }
    ),
    p.timeseries(
      'Time of nodes',
      's',
      help(
        'How long each chosen node took to answer all commands of a scrape.',
        'Alike; a millisecond or few.',
        'One node far above: it is busy, or far away.',
        "`SLOWLOG GET 10` and `LATENCY DOCTOR` on it; `redis-cli --latency -h HOST -p PORT` from the exporter's host."
      ),
      [target(q.node.gauge('redis_exporter_node_scrape_duration_seconds'), legend.node)]
    ),
    p.timeseries(
      'Scrapes',
      'cps',
      help(
        'Scrapes of the cluster a second. Requests at the same time share one.',
        'One in each interval of Prometheus.',
        'Many more: somebody else reads the page. Fewer: requests fail before they reach the cluster.',
        'Log of the exporter with `--log.level=debug`.'
      ),
      [target(q.cluster.rate('redis_exporter_scrapes_total'), legend.cluster)],
      { drill: 'overview' }
    ),
    p.timeseries(
      'Samples',
      'short',
      help(
        'Samples of the page, as Prometheus counts them.',
        'Level: it changes with nodes and with commands in use.',
        'A rise without new nodes: check which family grew.',
        'In Prometheus: `topk(10, count by (__name__) ({job="redis"}))`, with your job.'
      ),
      [target(q.exporter.gauge('scrape_samples_scraped'), instance)],
      { w: 12, drill: 'overview' }
    ),
    p.timeseries(
      'Views compared',
      'none',
      help(
        'Nodes whose view of the cluster was read and compared.',
        'All nodes; of more than `--cluster.full-views` of them, half so many in turn.',
        'Far fewer than nodes: disagreement may go unseen.',
        '`CLUSTER NODES` must be allowed: `redis_cluster_exporter --print-acl 7.0`.'
      ),
      [target(q.cluster.gauge('redis_cluster_views_compared'), legend.cluster)],
      { w: 12, stepped: true, drill: 'overview' }
    ),
  ];

  local requests = [
    p.timeseries(
      'Requests refused by limit',
      'cps',
      help(
        'Requests a second that a limit of the exporter turned away or cut off.',
        'None.',
        'Any that lasts. rate_limit, logins: too many ask, or with wrong passwords. page_size, sending_size, send_timeout: pages are too large, or read too slowly. Others: too many at once, or a second.',
        'Targets page of Prometheus, if it is its requests; the body of a refused answer names the flag: `curl -i http://EXPORTER:9121/metrics`.'
      ),
      [target(q.exporter.rate('redis_exporter_requests_refused_total', '', ['limit']), instance + ' {{limit}}')],
      { w: 12, steps: theme.warnFrom(0.001), drill: 'overview' }
    ),
    p.timeseries(
      'Targets refused',
      'cps',
      help(
        'Requests a second for targets that are not allowed.',
        'None.',
        'Any: a job with a target outside of the cluster, or somebody who tries.',
        '`--scrape.allow` names further targets; log of the exporter.'
      ),
      [target(q.exporter.rate('redis_target_scrape_request_errors_total'), instance)],
      { w: 12, drill: 'overview' }
    ),
    p.timeline(
      'Configuration',
      'none',
      help(
        'Whether the last attempt to read the configuration went well; the start is one.',
        'ok.',
        'FAIL: a reload found something wrong, and the former configuration is in use. The next start would fail.',
        '`redis_cluster_exporter --config.check` with the flags of the exporter; log of the exporter.'
      ),
      [target(q.exporter.gauge('redis_exporter_config_last_reload_successful'), instance)],
      { names: theme.okFail, steps: theme.steps([[0, theme.bad], [1, theme.good]]), w: 12, drill: 'overview' }
    ),
    p.timeseries(
      'Age of the configuration',
      'dtdurations',
      help(
        'Time since the configuration in use was read.',
        'Falls to 0 at each reload.',
        'Does not fall at a reload: it failed, or the signal or request went to another process.',
        'Log of the exporter; `curl -X POST http://EXPORTER:9121/-/reload` answers with what is wrong.'
      ),
      [target('time() - ' + q.exporter.gauge('redis_exporter_config_last_reload_success_timestamp_seconds'), instance)],
      { w: 12, drill: 'overview' }
    ),
  ];

  local failures = [
    p.timeseries(
      'Failures by reason',
      'cps',
      help(
        'Times a second that a node could not be read. refused: nobody listens there. timeout, connect_timeout: it hangs or is cut off. tls_timeout, closed: perhaps one side speaks TLS and the other does not. auth, denied: password or rights. resolve: its name has no address.',
        'None.',
        "Any that lasts. All nodes at once: the exporter's network or password.",
        "`PING` from the exporter's host; `ACL LOG` on the node for auth and denied."
      ),
      [target(q.sum(q.cluster.rate('redis_exporter_node_failures_total', '', ['reason']), ['reason']), legend.of('{{reason}}'))],
      { w: 12, drill: 'nodes' }
    ),
    p.timeline(
      'Nodes that answer',
      'none',
      help(
        'Whether each chosen node answered.',
        'up all the time.',
        'DOWN: see the reason in the table below. Flapping at regular times: the node is blocked, by forks or slow commands.',
        '`PING`, `SLOWLOG GET 10`, log of the node.'
      ),
      [target(q.node.gauge('redis_up'), legend.node)],
      { names: theme.upDown, w: 12 }
    ),
    p.table(
      'Nodes that cannot be read now',
      'none',
      help(
        'Each chosen node that did not answer the last scrape, and why.',
        'No row.',
        'Any row.',
        'refused: start it. timeout: `redis-cli -h HOST -p PORT --latency`. auth, denied: `ACL GETUSER`.'
      ),
      [p.column('Failed', q.node.gauge('redis_exporter_last_scrape_error', '', ['err']) + ' > 0', 'none', p.named(theme.noYes))],
      [[q.labels.node, 'Node'], ['err', 'Reason'], [q.labels.cluster, 'Cluster']],
      { w: 12, noValue: 'None known' }
    ),
    p.table(
      'Collectors that fail now',
      'none',
      help(
        'Commands of collectors that a chosen node refuses, or that did not end in time. Only their families are missing.',
        'No row.',
        'Any row.',
        '`redis_cluster_exporter --print-acl 7.0` prints the rights; the log of the exporter has the error.'
      ),
      [p.column('Failed', q.node.gauge('redis_exporter_collector_failed', '', ['collector']) + ' > 0', 'none', p.named(theme.noYes))],
      [[q.labels.node, 'Node'], ['collector', 'Collector'], [q.labels.cluster, 'Cluster']],
      { w: 12, noValue: 'None known' }
    ),
  ];

  local process = [
    p.timeseries(
      'Processor',
      'percentunit',
      help(
        'Processor time of the exporter; 100 % is one processor.',
        'Below 1 %, a few for hundreds of nodes.',
        'Near 100 %: it has one thread, scrapes will be late.',
        'Fewer collectors, or a longer scrape interval; `--no-collector.latencystats` saves most.'
      ),
      [target(q.exporter.rate('process_cpu_seconds_total'), instance)],
      { drill: 'overview' }
    ),
    p.timeseries(
      'Memory',
      'bytes',
      help(
        'Physical memory of the exporter.',
        'Level: some MB, about 100 MB for 1000 nodes.',
        'Rises without end: report it as a bug.',
        'Restart it; nothing but counters is lost. Its log at `--log.level=debug`.'
      ),
      [target(q.exporter.gauge('process_resident_memory_bytes'), instance)],
      { drill: 'overview' }
    ),
    p.timeseries(
      'File descriptors',
      'percentunit',
      help(
        'Open file descriptors of the exporter over its limit: one for each node, one for each client.',
        'Below 50 %.',
        'Near 100 %: nodes cannot be reached any more.',
        '`LimitNOFILE=` in the systemd unit, or `ulimit -n`.'
      ),
      [target('%s / %s' % [q.exporter.gauge('process_open_fds'), q.exporter.gauge('process_max_fds')], instance)],
      { drill: 'overview' }
    ),
    p.timeseries(
      'Running for',
      'dtdurations',
      help(
        'Time since the exporter was started.',
        'Only rises.',
        'Falls to 0 again and again: it crashes or is restarted. Its counters of failovers and moved slots begin anew.',
        'Log of the exporter, and of systemd or Kubernetes.'
      ),
      [target('time() - ' + q.exporter.gauge('process_start_time_seconds'), instance)],
      { w: 12, drill: 'overview' }
    ),
    p.table(
      'Version',
      'none',
      help(
        'Version and build of each exporter.',
        'The same everywhere.',
        'Different ones: figures may differ in meaning.',
        '`redis_cluster_exporter --version`.'
      ),
      [p.labelsOnly(q.exporter.gauge('redis_exporter_build_info', '', ['version', 'revision', 'compiler']))],
      [['instance', 'Exporter'], ['version', 'Version'], ['revision', 'Revision'], ['compiler', 'Compiler']],
      { w: 12, drill: 'overview', hide: ['job'] }
    ),
  ];

  d.dashboard('exporter', 'Exporter', 'Does the monitoring itself work? Scrapes, failures, and what the exporter costs.', [
    d.section(null, now),
    d.section('Scrapes', scrapes),
    d.section('Failures', failures),
    d.section('Requests and configuration', requests),
    d.section("The exporter's process", process),
  ])
