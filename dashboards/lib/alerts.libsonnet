// The alerts. Critical: users suffer now, or data are lost. Warning: look at it today. Info: context
// for the others. A `for` is longer than a healthy failover takes (node timeout 15 s: half a minute,
// plus two scrapes), unless the alert is about the failover itself.
{
  local config = self._config,
  local text = (import 'rule_text.libsonnet')(config),
  local time = text.time,

  // What an alert is about decides how its summary begins and where its dashboard link leads.
  local cluster = {
    begins: '{{ $labels.redis_cluster }}: ',
    link: config.dashboardUrl % config.alertDashboards.cluster,
  },
  local node = {
    begins: '{{ $labels.redis_cluster }}, {{ $labels.redis_node }}: ',
    link: config.dashboardUrl % config.alertDashboards.node
          + '&var-redis_node={{ $labels.redis_node }}',
  },
  local exporter = cluster { link: config.dashboardUrl % config.alertDashboards.exporter },
  // An exporter itself, whichever clusters it is about.
  local process = nothing { begins: '{{ $labels.instance }}: ' },
  local nothing = {
    begins: '',
    link: std.split(config.dashboardUrl % config.alertDashboards.exporter, '?')[0],
  },

  // name, subject, severity, after (seconds), expr, summary, description; keep (seconds) where the
  // condition flaps, unless a cluster that is down causes it: it would outlive what inhibits it.
  local one_line(text) = std.strReplace(std.rstripChars(text, '\n'), '\n', ' '),
  local rule(alert) = {
    alert: alert.name,
    expr: text.select(alert.expr),
    labels: { severity: alert.severity },
    annotations: {
      summary: text.labels(alert.subject.begins + alert.summary),
      description: text.labels(one_line(alert.description)),
      runbook_url: config.runbookUrl % alert.name,
      dashboard_url: text.labels(alert.subject.link),
    },
    [if alert.after > 0 then 'for']: time(alert.after),
    [if 'keep' in alert then 'keep_firing_for']: time(alert.keep),
  },
  local group(name, alerts) = { name: name, rules: std.map(rule, alerts) },

  local availability = [
    {
      name: 'RedisClusterStateFail',
      subject: cluster,
      severity: 'critical',
      after: 60,
      expr: 'redis_cluster:masters_state_fail:ratio >= 0.5',
      summary: 'the cluster is down',
      description: |||
        {{ $value | humanizePercentage }} of the masters that answer say cluster_state:fail, and
        refuse commands with CLUSTERDOWN. Slots without a living owner or a lost majority of masters
        cause it. First step: redis-cli --cluster check ADDRESS of any node.
      |||,
    },
    {
      name: 'RedisClusterNodeStateFail',
      subject: node,
      severity: 'warning',
      after: 120,
      expr: |||
        (redis_cluster_state{} == 0)
        * on (redis_cluster, redis_node) group_left (role)
        max by (redis_cluster, redis_node, role) (redis_cluster_node_info{})
      |||,
      summary: 'this {{ $labels.role }} says that the cluster is down',
      description: |||
        It says cluster_state:fail and refuses commands, whatever the others say. Most often it is
        cut off from most masters. First step: CLUSTER NODES on this node, and look for fail and
        disconnected.
      |||,
    },
    {
      name: 'RedisClusterSlotsUncovered',
      subject: cluster,
      severity: 'critical',
      after: 60,
      expr: 'sum by (redis_cluster) (redis_cluster_slots_uncovered{}) > 0',
      summary: '{{ $value | printf "%.0f" }} of 16384 slots are not served',
      description: |||
        Keys in {{ $value | printf "%.0f" }} slots can be neither read nor written: the slots have no
        owner, or their master is dead and no replica has taken over. Unless
        cluster-require-full-coverage is no, all other slots are refused too. First step: redis-cli
        --cluster check ADDRESS of any node.
      |||,
    },
    {
      name: 'RedisClusterSlotsConflict',
      subject: cluster,
      severity: 'critical',
      after: 120,
      expr: 'redis_cluster_slots_conflicting{} > 0',
      summary: '{{ $value | printf "%.0f" }} slots are claimed by two masters',
      description: |||
        Two masters claim the same {{ $value | printf "%.0f" }} slots, so clients write the same keys in
        two places, and one copy will be lost. First step: compare the line with "myself" in CLUSTER
        NODES of all masters; stop resharding.
      |||,
    },
    {
      name: 'RedisClusterSlotsPfail',
      subject: cluster,
      severity: 'warning',
      after: 120,
      expr: 'max by (redis_cluster) (redis_cluster_slots_pfail{}) > 0',
      summary: 'the owner of {{ $value | printf "%.0f" }} slots is suspected and not failed over',
      description: |||
        Some node cannot reach the owner of {{ $value | printf "%.0f" }} slots (fail?) for longer than an
        agreement takes: too few masters agree, or only part of the network is broken. First step:
        CLUSTER NODES on several nodes, and see who reports fail? of whom.
      |||,
    },
    {
      name: 'RedisClusterMasterFailed',
      subject: node,
      severity: 'critical',
      after: 60,
      expr: |||
        redis_cluster_node_slots{} > 0
        and on (redis_cluster, redis_node) redis_node:fail_reporters:ratio > 0.5
      |||,
      summary: 'this master has failed, and nobody took over its {{ $value | printf "%.0f" }} slots',
      description: |||
        Most masters hold it for failed, and it still owns {{ $value | printf "%.0f" }} slots, which are
        not served. A failover would have been done by now. First step: start the server again, or
        CLUSTER FAILOVER FORCE on its replica.
      |||,
    },
    {
      name: 'RedisClusterNodeFailed',
      subject: node,
      severity: 'warning',
      after: 300,
      expr: |||
        (redis_node:fail_reporters:ratio > 0.5)
        * on (redis_cluster, redis_node) group_left (role)
        max by (redis_cluster, redis_node, role) (redis_cluster_node_info{})
        and on (redis_cluster, redis_node) redis_cluster_node_slots{} == 0
      |||,
      summary: 'this {{ $labels.role }} without slots has failed',
      description: |||
        {{ $value | humanizePercentage }} of the masters hold it for failed. All slots are served,
        but its shard has one copy less. First step: see why the server is down, and start it; if it
        is gone for good, CLUSTER FORGET it on every node.
      |||,
    },
    {
      name: 'RedisClusterFailoverStuck',
      subject: cluster,
      severity: 'critical',
      after: 120,
      expr: 'redis_cluster_failover_in_progress{} == 1',
      summary: 'a failover does not come to its end',
      description: |||
        A master has failed, a replica could take over its slots, and has not done so for minutes.
        Its votes are missing, or its data are too old. First step: read the replica's log for
        "failover", then CLUSTER FAILOVER FORCE on it.
      |||,
    },
    {
      name: 'RedisClusterDownErrors',
      subject: cluster,
      severity: 'critical',
      after: 180,
      expr: |||
        sum by (redis_cluster) (rate(redis_errors_total{err="CLUSTERDOWN"}[%s])) > 0
      ||| % time(120),
      summary: 'clients get CLUSTERDOWN errors',
      description: |||
        {{ $value | humanize }} commands a second are refused with CLUSTERDOWN. The nodes that do
        so see slots without an owner, or no majority of masters. First step: CLUSTER INFO on every
        node, to find those with cluster_state:fail.
      |||,
    },
    {
      name: 'RedisWritesRefused',
      subject: node,
      severity: 'critical',
      after: 180,
      expr: |||
        sum by (redis_cluster, redis_node, err) (
          rate(redis_errors_total{err=~"MISCONF|OOM|NOREPLICAS"}[%s])
        ) > 0
      ||| % time(120),
      summary: 'this node refuses writes: {{ $labels.err }}',
      description: |||
        {{ $value | humanize }} writes a second are refused with {{ $labels.err }}. MISCONF: saving
        to disk fails. OOM: the memory limit is reached. NOREPLICAS: too few replicas are linked.
        First step: INFO persistence, INFO memory or INFO replication on this node.
      |||,
    },
  ],

  local agreement = [
    {
      name: 'RedisClusterViewsDisagree',
      subject: cluster,
      severity: 'warning',
      after: 300,
      keep: 300,
      // While slots move, some node is always a little behind.
      expr: |||
        redis_cluster_views{} > 1
        unless on (redis_cluster) increase(redis_cluster_slot_moves_total{}[%s]) > 0
      ||| % time(120),
      summary: 'the nodes have {{ $value | printf "%.0f" }} different slot maps',
      description: |||
        The nodes do not agree on who owns which slots, and no slot moves. Clients are sent from
        node to node (MOVED). First step: redis-cli --cluster check ADDRESS, then compare CLUSTER
        NODES of all nodes.
      |||,
    },
    {
      name: 'RedisClusterPartialPartition',
      subject: node,
      severity: 'warning',
      after: 300,
      keep: 300,
      expr: 'redis_node:doubt_reporters:ratio > 0 and redis_node:doubt_reporters:ratio <= 0.5',
      summary: 'some masters cannot reach this node, others can',
      description: |||
        {{ $value | humanizePercentage }} of the masters suspect it, too few to call it failed: the
        network between some nodes is broken, and no failover will follow. First step: CLUSTER NODES
        on each master, to see who reports fail? of this node; then test the bus port between them.
      |||,
    },
    {
      name: 'RedisClusterEpochCollision',
      subject: cluster,
      severity: 'warning',
      after: 300,
      expr: 'redis_cluster_epoch_collisions{} > 0',
      summary: 'masters share a config epoch',
      description: |||
        {{ $value | printf "%.0f" }} masters have the same config epoch as another one. It mends itself
        in seconds where they reach each other; while it lasts, a conflict over slots has no winner.
        First step: CLUSTER INFO on the masters, and compare cluster_my_epoch.
      |||,
    },
    {
      name: 'RedisClusterNodeUnknownToSome',
      subject: cluster,
      severity: 'warning',
      after: 600,
      expr: 'redis_cluster_nodes_partially_known{} > 0',
      summary: '{{ $value | printf "%.0f" }} nodes are known to some nodes only',
      description: |||
        {{ $value | printf "%.0f" }} nodes are listed by some nodes and not by others. Mostly a node was
        forgotten (CLUSTER FORGET), or added, on some nodes only. First step: compare CLUSTER NODES
        of all nodes; redis_cluster_node_seen_by tells which ones are missing somewhere.
      |||,
    },
    {
      name: 'RedisClusterNodeIsolated',
      subject: cluster,
      severity: 'warning',
      after: 600,
      expr: 'redis_cluster_nodes_isolated{} > 0',
      summary: '{{ $value | printf "%.0f" }} nodes answer, but do not belong to the cluster',
      description: |||
        {{ $value | printf "%.0f" }} nodes at addresses that were given to the exporter know nobody, or
        nobody knows them: they were reset, forgotten, or never added. First step: CLUSTER NODES on
        the node, and CLUSTER MEET it or take its address out of the exporter's list.
      |||,
    },
    {
      name: 'RedisClusterHandshakeStuck',
      subject: cluster,
      severity: 'warning',
      after: 600,
      expr: 'redis_cluster_nodes_handshake{} > 0',
      summary: '{{ $value | printf "%.0f" }} handshakes do not end',
      description: |||
        A node has been shaking hands with {{ $value | printf "%.0f" }} addresses for minutes. The other
        side does not answer on its bus port, or the address is dead. First step: look for
        "handshake" in CLUSTER NODES of all nodes, and test the bus port of that address.
      |||,
    },
    {
      name: 'RedisClusterNodeNoAddr',
      subject: cluster,
      severity: 'warning',
      after: 600,
      expr: 'sum by (redis_cluster) (redis_cluster_nodes{health="noaddr"}) > 0',
      summary: '{{ $value | printf "%.0f" }} nodes have no address',
      description: |||
        The cluster lists {{ $value | printf "%.0f" }} nodes for which it knows no address (noaddr), so
        nobody can reach them. Mostly another node came up at their address. First step: CLUSTER
        FORGET their ids on every node, if they will not come back.
      |||,
    },
    {
      name: 'RedisClusterSeedsDiffer',
      subject: cluster,
      severity: 'critical',
      after: 120,
      expr: 'redis_cluster_seed_groups{} - redis_cluster_nodes_isolated{} > 1',
      summary: 'the addresses given lead to {{ $value | printf "%.0f" }} clusters',
      description: |||
        The nodes form {{ $value | printf "%.0f" }} groups that do not know each other. Either the
        exporter was given addresses of different clusters, or one cluster fell apart. No figure of
        the whole cluster can be believed. First step: CLUSTER NODES on each address that was given.
      |||,
    },
    {
      name: 'RedisClusterBusLinkDown',
      subject: node,
      severity: 'warning',
      after: 300,
      keep: 300,
      expr: 'redis_cluster_node_links_down{} > 0',
      summary: '{{ $value | printf "%.0f" }} bus links to living nodes are down',
      description: |||
        It has no cluster bus link to {{ $value | printf "%.0f" }} nodes that it holds for alive. If that
        spreads, nodes get marked as failed. First step: look for "disconnected" in CLUSTER NODES on
        this node, and test the bus port (port + 10000) of those peers from here.
      |||,
    },
    {
      name: 'RedisClusterBusBufferOverflow',
      subject: node,
      severity: 'warning',
      after: 0,
      expr: 'increase(redis_cluster_links_buffer_limit_exceeded_total{}[%s]) > 0' % time(900),
      summary: 'bus links were dropped because their buffers overflowed',
      description: |||
        {{ $value | printf "%.0f" }} links exceeded cluster-link-sendbuf-limit within a quarter of an
        hour: a peer does not read, or a message is very large (PUBLISH). First step: CLUSTER LINKS
        on this node, and look for large send-buffer-used.
      |||,
    },
    {
      name: 'RedisClusterOpenSlotsStuck',
      subject: cluster,
      severity: 'warning',
      after: 300,
      expr: |||
        time() - redis_cluster_slots_open_since_timestamp_seconds{} > %(openSlotsStuckSeconds)d
      ||| % config,
      summary: 'a slot has been open for {{ $value | humanizeDuration }}',
      description: |||
        A slot has been marked as migrating or importing for {{ $value | humanizeDuration }}, longer
        than moving one takes: a resharding was broken off. Its keys answer with ASK and TRYAGAIN.
        First step: is a resharding under way? If not: redis-cli --cluster fix ADDRESS.
      |||,
    },
    {
      name: 'RedisClusterOpenSlotsUnpaired',
      subject: cluster,
      severity: 'warning',
      after: 600,
      expr: 'redis_cluster_slots_open_unpaired{} > 0',
      summary: '{{ $value | printf "%.0f" }} slots are open on one side only',
      description: |||
        {{ $value | printf "%.0f" }} slots are migrating without an importing side, or the other way
        round: what a broken resharding leaves. First step: redis-cli --cluster check ADDRESS names
        them; redis-cli --cluster fix ADDRESS closes them.
      |||,
    },
    {
      name: 'RedisClusterSlotMigrationFailed',
      subject: node,
      severity: 'warning',
      after: 0,
      expr: |||
        redis_cluster_slot_migrations{state="failed"}
        - (redis_cluster_slot_migrations{state="failed"} offset %s)
        > 0
      ||| % time(900),
      summary: '{{ $value | printf "%.0f" }} slot migrations have failed',
      description: |||
        {{ $value | printf "%.0f" }} atomic slot migrations of this master failed within a quarter of an
        hour. The slots are where they were. First step: CLUSTER GETSLOTMIGRATIONS on this node, and
        read "message".
      |||,
    },
    {
      name: 'RedisClusterSlotMigrationStalled',
      subject: node,
      severity: 'warning',
      after: 600,
      expr: 'redis_cluster_slot_migration_ack_age_seconds{} > %(slotMigrationAckSeconds)d' % config,
      summary: 'a slot migration stands still',
      description: |||
        The other side of an atomic slot migration has been silent for
        {{ $value | humanizeDuration }}. First step: CLUSTER GETSLOTMIGRATIONS on this node; if the
        peer is gone, CLUSTER CANCELSLOTMIGRATIONS.
      |||,
    },
  ],

  local redundancy = [
    {
      name: 'RedisClusterFailover',
      subject: cluster,
      severity: 'info',
      after: 0,
      expr: 'increase(redis_cluster_failovers_total{}[%s]) > 0' % time(600),
      summary: 'a replica has taken over from its master',
      description: |||
        {{ $value | printf "%.0f" }} failovers within ten minutes, planned ones included. First step: if
        nobody planned it, see why the former master went away.
      |||,
    },
    {
      name: 'RedisClusterFailoverFlapping',
      subject: cluster,
      severity: 'warning',
      after: 0,
      // Prometheus extrapolates, which makes 3.05 of 3.
      expr: 'round(increase(redis_cluster_failovers_total{}[%s])) > %d'
            % [time(3600), config.failoversPerHourWarning],
      summary: '{{ $value | printf "%.0f" }} failovers within an hour',
      description: |||
        The master role changes again and again ({{ $value | printf "%.0f" }} times an hour). Each change
        refuses writes for seconds and may lose some. Mostly nodes stall (fork, swap, slow commands)
        for longer than cluster-node-timeout. First step: the nodes' logs, for "fail" and "slow".
      |||,
    },
    {
      name: 'RedisClusterQuorumAtRisk',
      subject: cluster,
      severity: 'warning',
      after: 300,
      expr: |||
        redis_cluster_quorum_margin{} == 0
        and on (redis_cluster) redis_cluster_voting_masters{} >= 3
      |||,
      summary: 'the loss of one more master ends the quorum',
      description: |||
        So many masters are down that one more leaves no majority: then no failover is possible, and
        the whole cluster stops. First step: bring back the masters that are down, or have their
        replicas take over.
      |||,
    },
    {
      name: 'RedisClusterQuorumLost',
      subject: cluster,
      severity: 'critical',
      after: 60,
      expr: |||
        redis_cluster_quorum_margin{} < 0
        and on (redis_cluster) redis_cluster_voting_masters{} >= 3
      |||,
      summary: 'most masters are gone, and no failover is possible',
      description: |||
        The masters that are alive are too few to elect a replica (margin {{ $value }}), and refuse
        commands. It does not mend itself while the others are down. First step: start them again;
        if they are lost, CLUSTER FAILOVER TAKEOVER on their replicas.
      |||,
    },
    {
      name: 'RedisClusterMasterWithoutReplica',
      subject: node,
      severity: 'warning',
      after: 600,
      // A cluster that lists no replica at all was made so.
      expr: |||
        redis_cluster_master_healthy_replicas{} < %(replicasMinimum)d
        and on (redis_cluster, redis_node) redis_cluster_node_slots{} > 0
        and on (redis_cluster)
          sum by (redis_cluster) (redis_cluster_nodes{role="replica"}) > 0
      ||| % config,
      summary: 'this master has {{ $value | printf "%.0f" }} healthy replicas',
      description: |||
        It has {{ $value | printf "%%.0f" }} replicas that are alive and linked, of at least
        %(replicasMinimum)d. If it fails with none, its slots are not served until it is back. First
        step: CLUSTER NODES, and look for its replicas; start them, or add one.
      ||| % config,
    },
    {
      name: 'RedisClusterReplicasMissing',
      subject: node,
      severity: 'warning',
      // Later than RedisClusterMasterWithoutReplica, which silences it.
      after: 900,
      expr: |||
        redis_cluster_master_healthy_replicas{}
        < on (redis_cluster) group_left ()
        max by (redis_cluster) (redis_cluster_expected_replicas_min{})
        and on (redis_cluster, redis_node) redis_cluster_node_slots{} > 0
      |||,
      summary: 'this master has {{ $value | printf "%.0f" }} healthy replicas, fewer than expected',
      description: |||
        It has {{ $value | printf "%.0f" }} replicas that are alive and linked, fewer than the exporter
        was told to expect (--expect.replicas). Some may sit at other masters, or have left the
        cluster. First step: CLUSTER REPLICAS on this node, against the plan.
      |||,
    },
    {
      name: 'RedisClusterNodesMissing',
      subject: cluster,
      severity: 'warning',
      after: 600,
      // Of several exporters the one that sees most; in one of them a node has one role and health.
      expr: |||
        max by (redis_cluster) (redis_cluster_expected_nodes{})
        - on (redis_cluster)
        max by (redis_cluster) (sum by (redis_cluster, job, instance) (redis_cluster_nodes{}))
        > 0
      |||,
      summary: '{{ $value | printf "%.0f" }} of the nodes expected are not in the cluster',
      description: |||
        The cluster knows {{ $value | printf "%.0f" }} nodes fewer than the exporter was told to expect
        (--expect.nodes); those that are down still count. They were wiped, reset or forgotten, or
        have never joined. First step: CLUSTER NODES on any node, against the list of servers.
      |||,
    },
    {
      name: 'RedisClusterMastersMissing',
      subject: cluster,
      severity: 'warning',
      after: 600,
      expr: |||
        max by (redis_cluster) (redis_cluster_expected_voting_masters{})
        - on (redis_cluster)
        max by (redis_cluster) (redis_cluster_voting_masters{})
        > 0
      |||,
      summary: '{{ $value | printf "%.0f" }} of the masters expected own no slots',
      description: |||
        {{ $value | printf "%.0f" }} masters fewer than the exporter was told to expect
        (--expect.masters) own slots; those that are down still count. The others carry their load,
        and fewer vote. First step: redis-cli --cluster info ADDRESS of any node.
      |||,
    },
    {
      name: 'RedisClusterShardOnOneHost',
      subject: cluster,
      severity: 'warning',
      after: 900,
      expr: 'redis_cluster_shards_single_host{} > 0',
      summary: '{{ $value | printf "%.0f" }} shards have all their nodes on one host',
      description: |||
        The loss of one host takes a master and all its replicas, for {{ $value | printf "%.0f" }}
        shards. Often a failover has led there. First step: CLUSTER NODES, and compare the addresses
        of each master with its replicas'; CLUSTER REPLICATE moves a replica to another master.
      |||,
    },
    {
      name: 'RedisClusterShardInOneZone',
      subject: cluster,
      severity: 'warning',
      after: 900,
      expr: |||
        redis_cluster_shards_single_zone{} > 0
        and on (redis_cluster)
          count by (redis_cluster) (
            count by (redis_cluster, availability_zone) (
              redis_cluster_node_info{availability_zone!=""}
            )
          ) > 1
      |||,
      summary: '{{ $value | printf "%.0f" }} shards have all their nodes in one zone',
      description: |||
        The cluster spans several availability zones, and {{ $value | printf "%.0f" }} shards do not. The
        loss of that zone takes them. First step: redis_cluster_node_info tells zone and master of
        each node; CLUSTER REPLICATE moves a replica to another master.
      |||,
    },
    {
      name: 'RedisClusterMastersConcentrated',
      subject: cluster,
      severity: 'warning',
      after: 900,
      // Against what the cluster survives when it is whole, so that a dead master does not change it.
      expr: |||
        redis_cluster_host_masters{}
        > on (redis_cluster) group_left ()
        max by (redis_cluster) (redis_cluster_voting_masters{} - redis_cluster_quorum{})
        and on (redis_cluster) redis_cluster_voting_masters{} >= 3
      |||,
      summary: 'host {{ $labels.host }} has {{ $value | printf "%.0f" }} masters, too many to lose',
      description: |||
        {{ $value | printf "%.0f" }} masters are on host {{ $labels.host }}. Its loss ends the majority,
        so that no replica can take over. Often failovers have led there. First step: CLUSTER
        FAILOVER on replicas of these masters that are on other hosts.
      |||,
    },
  ],

  local link_down = {
    name: 'RedisReplicaLinkDown',
    subject: node,
    // Gone while a full copy is on its way as well, which RedisReplicaSyncStuck is about.
    expr: |||
      redis_master_link_up{} == 0
      unless on (redis_cluster, redis_node) redis_master_sync_in_progress{} == 1
    |||,
    summary: 'this replica has lost its master',
  },

  local replication = [
    link_down {
      severity: 'warning',
      after: 120,
      description: |||
        Its link to the master is down, and no copy is on its way. Its data get older. First step:
        INFO replication on it (master_host, master_link_down_since_seconds), and its log.
      |||,
    },
    link_down {
      severity: 'critical',
      after: 300,
      description: |||
        Its link to the master has been down for minutes, and no copy is on its way. Who reads from
        it gets old data, and soon it may not take over any more. First step: INFO replication on it
        (master_host, master_link_down_since_seconds), and its log.
      |||,
    },
    {
      name: 'RedisReplicaLagHigh',
      subject: node,
      severity: 'warning',
      after: 120,
      keep: 300,
      expr: 'redis_replica_lag_seconds{} > %(lagSecondsWarning)s' % config,
      summary: 'this replica is {{ $value | humanizeDuration }} behind',
      description: |||
        It is {{ $value | humanizeDuration }} behind its master; a failover now would lose the
        writes of that time. First step: INFO replication on the master, and see whether it is this
        one replica (then its host) or all (then the master's write rate or network).
      |||,
    },
    {
      name: 'RedisReplicaLagHigh',
      subject: node,
      severity: 'critical',
      after: 300,
      expr: 'redis_replica_lag_seconds{} > %(lagSecondsCritical)s' % config,
      summary: 'this replica is {{ $value | humanizeDuration }} behind',
      description: |||
        It is {{ $value | humanizeDuration }} behind its master. Who reads from it gets data of that
        age; a failover now would lose as much. First step: INFO replication on the master, and see
        whether it is this one replica (then its host) or all (then the master's write rate).
      |||,
    },
    {
      name: 'RedisReplicaBacklogNearlyExceeded',
      subject: node,
      severity: 'warning',
      after: 120,
      keep: 300,
      expr: 'redis_replica_backlog_usage_ratio{} > %(backlogUsageWarning)s' % config,
      summary: 'a broken link would cost this replica a full sync',
      description: |||
        It is behind by {{ $value | humanizePercentage }} of its master's replication backlog.
        Beyond the backlog a broken link means a full copy, with a fork on the master. First step:
        CONFIG SET repl-backlog-size on the master to several minutes of writes.
      |||,
    },
    {
      name: 'RedisReplicaNotEligible',
      subject: node,
      severity: 'warning',
      after: 300,
      expr: 'redis_node:replicas_eligible:count == 0',
      summary: 'no replica of this master could take over',
      description: |||
        It has replicas, and none may be elected: they carry the flag nofailover, or have been
        without it for too long (cluster-replica-validity-factor). First step: INFO replication on
        each replica, and CONFIG GET cluster-replica-no-failover.
      |||,
    },
    {
      name: 'RedisReplicaSyncStuck',
      subject: node,
      severity: 'warning',
      after: 1800,
      expr: 'redis_master_sync_in_progress{} == 1',
      summary: 'this replica has been copying its master for half an hour',
      description: |||
        A full sync has been under way for half an hour, or begins again and again; so long it
        cannot take over. First step: INFO replication on it twice, and see whether
        master_sync_left_bytes falls.
      |||,
    },
    {
      name: 'RedisReplicaMasterMismatch',
      subject: node,
      severity: 'warning',
      after: 600,
      expr: 'redis_replica_master_mismatch{} == 1',
      summary: 'this replica follows another node than the cluster says',
      description: |||
        The address that it replicates from is not that of the master which its cluster line names:
        its data are of another shard, or an address is announced wrongly. First step: master_host
        in INFO replication on it, against CLUSTER NODES.
      |||,
    },
    {
      name: 'RedisFullResyncStorm',
      subject: node,
      severity: 'warning',
      after: 0,
      expr: 'round(increase(redis_replica_resyncs_full_total{}[%s])) > %d'
            % [time(1800), config.fullSyncsWarning],
      summary: '{{ $value | printf "%.0f" }} full syncs within half an hour',
      description: |||
        This master gave {{ $value | printf "%.0f" }} full copies to replicas within half an hour. Each
        costs a fork, memory and network, and the next often fails like the last. First step: the
        master's log, for "overcoming of output buffer limits" and "Unable to partial resync".
      |||,
    },
  ],

  local memory_high = {
    name: 'RedisMemoryHigh',
    subject: node,
    summary: 'this master uses {{ $value | humanizePercentage }} of its memory limit',
  },

  local evicting = {
    name: 'RedisEvicting',
    subject: node,
    after: 600,
    summary: 'this node evicts {{ $value | humanize }} keys a second',
  },

  local eviction = |||
    rate(redis_evicted_keys_total{}[5m]) > 0
    and on (redis_cluster, redis_node) redis_cluster_node_info{role="master", maxmemory_policy%s}
  |||,

  local memory_above = |||
    redis_node:memory_usage:ratio > %s
    and on (redis_cluster, redis_node) redis_cluster_node_info{role="master", maxmemory_policy%s}
  |||,

  local loading = { name: 'RedisNodeLoading', subject: node },

  local servers = [
    memory_high {
      severity: 'warning',
      after: 300,
      keep: 300,
      // To be full is how a cache works, which evicts what it likes.
      expr: memory_above % [config.memoryUsageWarning, '!~"allkeys-.+"'],
      description: |||
        {{ $value | humanizePercentage }} of maxmemory is in use. When it is full, writes to its
        slots fail, or keys with a time to live go first; other masters do not help. First step:
        INFO memory, and redis-cli --bigkeys; raise maxmemory, or move slots away.
      |||,
    },
    memory_high {
      severity: 'critical',
      after: 300,
      expr: memory_above % [config.memoryUsageCritical, '="noeviction"'],
      description: |||
        {{ $value | humanizePercentage }} of maxmemory is in use, and nothing may be evicted: writes
        to its slots fail now or soon, with OOM. First step: CONFIG SET maxmemory higher, if the
        host has memory; then INFO memory and redis-cli --bigkeys.
      |||,
    },
    evicting {
      severity: 'warning',
      expr: eviction % '!~"allkeys-.+"',
      description: |||
        Memory is full, and {{ $value | humanize }} keys with a time to live are dropped a second
        before their time. When none is left, writes fail. First step: INFO memory, and raise
        maxmemory or move slots away.
      |||,
    },
    evicting {
      severity: 'info',
      expr: eviction % '=~"allkeys-.+"',
      description: |||
        Memory is full, and {{ $value | humanize }} keys are dropped a second, as the policy of a
        cache has it. First step: compare the hit ratio with what it was; if it falls, the cache is
        too small.
      |||,
    },
    {
      name: 'RedisRdbFailed',
      subject: node,
      severity: 'warning',
      after: 300,
      expr: 'redis_rdb_last_bgsave_status{} == 0',
      summary: 'the last RDB save failed',
      description: |||
        The last save to disk failed. With save points and stop-writes-on-bgsave-error yes, which is
        the default, the node refuses writes (MISCONF). First step: its log, for "Background saving
        error"; then disk space and memory of its host.
      |||,
    },
    {
      name: 'RedisAofFailed',
      subject: node,
      severity: 'warning',
      after: 300,
      expr: 'redis_aof_last_write_status{} == 0 or redis_aof_last_bgrewrite_status{} == 0',
      summary: 'writing or rewriting the AOF failed',
      description: |||
        The last write to the append-only file, or its last rewrite, failed. After a failed write
        the node refuses writes (MISCONF). First step: INFO persistence (aof_last_write_status,
        aof_last_bgrewrite_status), its log, and the space on its disk.
      |||,
    },
    {
      name: 'RedisForkSlow',
      subject: node,
      severity: 'warning',
      after: 0,
      // A figure of the last fork, which may be old.
      expr: |||
        redis_latest_fork_seconds{} > %s
        and changes(redis_latest_fork_seconds{}[%s]) > 0
      ||| % [config.forkSecondsWarning, time(3600)],
      summary: 'a fork took {{ $value | humanizeDuration }}',
      description: |||
        The node stood still for {{ $value | humanizeDuration }} while it forked for a save, a
        rewrite or a sync. As long as cluster-node-timeout, it means a failover. First step:
        transparent huge pages off on its host; then smaller shards.
      |||,
    },
    {
      name: 'RedisConnectionsHigh',
      subject: node,
      severity: 'warning',
      after: 300,
      keep: 300,
      expr: 'redis_node:connection_usage:ratio > %(connectionsWarning)s' % config,
      summary: '{{ $value | humanizePercentage }} of the connections allowed are in use',
      description: |||
        Clients, replicas and bus links use {{ $value | humanizePercentage }} of maxclients. Beyond
        it new connections are refused. First step: CLIENT LIST, grouped by addr and name, to find
        who opens so many.
      |||,
    },
    loading {
      severity: 'critical',
      after: 60,
      expr: |||
        redis_cluster_node_slots{} > 0
        and on (redis_cluster, redis_node) redis_loading_dump_file{} == 1
      |||,
      summary: 'this master loads its data, and does not serve its {{ $value | printf "%.0f" }} slots',
      description: |||
        It was restarted, and answers LOADING until its data are read; so long its
        {{ $value | printf "%.0f" }} slots are not served, and no replica takes over, since it answers
        its peers. First step: loading_eta_seconds in INFO persistence; if that is long, CLUSTER
        FAILOVER FORCE on its replica.
      |||,
    },
    loading {
      severity: 'warning',
      after: 600,
      expr: |||
        redis_loading_dump_file{} == 1
        and on (redis_cluster, redis_node) redis_cluster_node_slots{} == 0
      |||,
      summary: 'this node has been loading its data for long',
      description: |||
        It owns no slots, and has been reading its data for ten minutes; so long it cannot take over
        from its master. First step: loading_eta_seconds in INFO persistence.
      |||,
    },
    {
      name: 'RedisMovedStorm',
      subject: cluster,
      severity: 'warning',
      after: 600,
      keep: 300,
      expr: |||
        redis_cluster:moved_errors:rate5m / redis_cluster:commands:rate5m > %(movedShareWarning)s
        and redis_cluster:moved_errors:rate5m > %(movedPerSecondMinimum)s
      ||| % config,
      summary: 'many commands go to the wrong node',
      description: |||
        MOVED answers are {{ $value | humanizePercentage }} of the commands served: a client does
        not know the cluster, or keeps an old slot map. First step: CLIENT LIST on the node with the
        most redis_errors_total{err="MOVED"}, to find the client.
      |||,
    },
    {
      name: 'RedisClockSkew',
      subject: node,
      severity: 'warning',
      after: 600,
      expr: 'abs(redis_clock_skew_seconds{}) > %(clockSkewSecondsWarning)s' % config,
      summary: 'its clock is off by {{ $value | humanizeDuration }}',
      description: |||
        Its clock differs by {{ $value | humanizeDuration }} from that of the exporter. Keys expire
        too early or too late, and differently after a failover. First step: timedatectl on its
        host; if all nodes are off, on the exporter's.
      |||,
    },
  ],

  local fleet = [
    {
      name: 'RedisClusterConfigMismatch',
      subject: cluster,
      severity: 'warning',
      after: 3600,
      expr: 'redis_cluster_config_mismatch{parameter!~"%(configMismatchAllowed)s"} == 1' % config,
      summary: '{{ $labels.parameter }} differs between the nodes',
      description: |||
        Not all nodes have the same {{ $labels.parameter }}, so a failover changes how the cluster
        behaves. First step: CONFIG GET {{ $labels.parameter }} on all nodes; CONFIG SET and CONFIG
        REWRITE where it is wrong.
      |||,
    },
    {
      name: 'RedisClusterVersionsMixed',
      subject: cluster,
      severity: 'info',
      after: 86400,
      expr: 'redis_cluster_versions{} > 1',
      summary: '{{ $value | printf "%.0f" }} versions have been running for a day',
      description: |||
        The nodes run {{ $value | printf "%.0f" }} different versions: an upgrade was not finished. First
        step: redis_cluster_node_info tells the version of each node.
      |||,
    },
    {
      name: 'RedisClusterUnbalanced',
      subject: cluster,
      severity: 'info',
      after: 3600,
      expr: |||
        redis_cluster_memory_skew_ratio{} > %(skewWarning)s
        or redis_cluster_slot_skew_ratio{} > %(skewWarning)s
      ||| % config,
      summary: 'one master has {{ $value | humanize }} times the mean of memory or slots',
      description: |||
        The master that has most memory in use, or most slots, has {{ $value | humanize }} times the
        mean, and will be full first. First step: redis-cli --cluster info ADDRESS; then redis-cli
        --cluster rebalance, or look for large keys.
      |||,
    },
    {
      name: 'RedisClusterMastersEmpty',
      subject: cluster,
      severity: 'info',
      after: 3600,
      expr: 'redis_cluster_masters_empty{} > 0',
      summary: '{{ $value | printf "%.0f" }} masters have no slots',
      description: |||
        {{ $value | printf "%.0f" }} masters own no slots, so they serve nothing and do not vote. First
        step: redis-cli --cluster rebalance ADDRESS --cluster-use-empty-masters, or CLUSTER
        REPLICATE to make them replicas.
      |||,
    },
    {
      name: 'RedisClusterDataFilesShared',
      subject: cluster,
      severity: 'warning',
      after: 900,
      expr: 'redis_cluster_nodes_sharing_data_files{} > 0',
      summary: '{{ $value | printf "%.0f" }} nodes write the same data files',
      description: |||
        {{ $value | printf "%.0f" }} nodes on one host have the same dir and file names, and will destroy
        each other's data at the next save. Containers with file systems of their own are meant to
        look so. First step: CONFIG GET dir on the nodes of that host.
      |||,
    },
  ],

  local monitoring = [
    {
      name: 'RedisClusterExporterAbsent',
      subject: nothing,
      severity: 'critical',
      after: 120,
      expr: 'absent(redis_cluster_discovery_up{})',
      summary: 'no Redis Cluster is monitored',
      description: |||
        Prometheus has no figures of any Redis Cluster: the exporter is down, or is not scraped. No
        other alert can fire. First step: the target's error on the Targets page of Prometheus.
      |||,
    },
    {
      name: 'RedisClusterMetricsAbsent',
      subject: exporter,
      severity: 'critical',
      after: 120,
      expr: |||
        group by (redis_cluster) (present_over_time(redis_cluster_discovery_up{}[1h]))
        unless on (redis_cluster) redis_cluster_discovery_up{}
      |||,
      summary: 'this cluster is not monitored any more',
      description: |||
        Prometheus had figures of this cluster within the last hour, and has none now: its exporter
        is down, or is not scraped. No other alert about it can fire. First step: the target's error
        on the Targets page of Prometheus.
      |||,
    },
    {
      name: 'RedisClusterDiscoveryDown',
      subject: exporter,
      severity: 'critical',
      after: 120,
      expr: 'redis_cluster_discovery_up{} == 0',
      summary: 'no node tells the topology',
      description: |||
        The exporter runs, and no node answered CLUSTER NODES: the cluster is down or out of its
        reach, or the password or rights are wrong. No other alert about it can be believed. First
        step: redis_exporter_last_scrape_error tells the reason for each node.
      |||,
    },
    {
      name: 'RedisClusterNodeUnreachable',
      subject: node,
      severity: 'warning',
      after: 120,
      expr: |||
        (redis_up{} == 0)
        * on (redis_cluster, redis_node) group_left (role)
        max by (redis_cluster, redis_node, role) (redis_cluster_node_info{})
      |||,
      summary: 'the exporter cannot read this {{ $labels.role }}',
      description: |||
        It has not answered the exporter for minutes. That the cluster has given it up, other alerts
        tell; without them, only the exporter cannot reach it. First step: the label err of
        redis_exporter_last_scrape_error; then redis-cli -h HOST -p PORT ping.
      |||,
    },
    {
      name: 'RedisClusterTopologyStale',
      subject: exporter,
      severity: 'warning',
      after: 120,
      expr: 'redis_cluster_topology_age_seconds{} > %(topologyAgeSecondsWarning)d' % config,
      summary: 'the topology is {{ $value | humanizeDuration }} old',
      description: |||
        No node has told the topology for {{ $value | humanizeDuration }}: the exporter goes by what
        it knew then. First step: redis_exporter_last_scrape_error tells the reason for each node.
      |||,
    },
    {
      name: 'RedisClusterCollectorFailed',
      subject: node,
      severity: 'warning',
      after: 900,
      expr: 'redis_exporter_collector_failed{} == 1',
      summary: 'the collector {{ $labels.collector }} fails',
      description: |||
        The node refuses what the collector {{ $labels.collector }} asks, or does not answer in
        time, so these figures are missing. First step: redis_cluster_exporter --print-acl=VERSION
        tells the rights it needs; --no-collector.{{ $labels.collector }} does without it.
      |||,
    },
    {
      name: 'RedisClusterExporterReloadFailed',
      subject: process,
      severity: 'warning',
      after: 300,
      expr: 'redis_exporter_config_last_reload_successful{} == 0',
      summary: 'the configuration was not taken',
      description: |||
        The exporter was told to read its configuration again and found something wrong, so it works
        with the former one. A restart now would fail. First step: its log, or
        redis_cluster_exporter --config.check with its flags.
      |||,
    },
    {
      name: 'RedisClusterExporterCertificateExpires',
      subject: process,
      severity: 'warning',
      after: 900,
      expr: |||
        (
          redis_exporter_web_certificate_expiry_timestamp_seconds{}
          or
          redis_exporter_client_certificate_expiry_timestamp_seconds{}
        )
        - time() < %d * 86400
      ||| % config.certificateDaysWarning,
      summary: 'a certificate of the exporter expires in {{ $value | humanizeDuration }}',
      description: |||
        With the label redis_cluster it is the one that the exporter shows to the nodes of that
        cluster, without it the one of its own HTTP server. When it has expired, nodes refuse the
        exporter, or Prometheus does not read it. First step: put a new certificate, with its key,
        into the files.
      |||,
    },
    {
      name: 'RedisClusterExporterRequestsRefused',
      subject: process,
      severity: 'warning',
      after: 600,
      expr: 'rate(redis_exporter_requests_refused_total{}[%s]) > 0' % time(300),
      summary: 'requests are refused by the limit {{ $labels.limit }}',
      description: |||
        For minutes the exporter has turned requests away or cut them off, because of its limit
        {{ $labels.limit }}. If Prometheus sends them, figures are missing. First step: its Targets
        page; the body of a refused answer names the flag.
      |||,
    },
  ],

  prometheusAlerts+:: {
    groups: [
      group('redis-cluster-availability', availability),
      group('redis-cluster-agreement', agreement),
      group('redis-cluster-redundancy', redundancy),
      group('redis-cluster-replication', replication),
      group('redis-cluster-servers', servers),
      group('redis-cluster-fleet', fleet),
      group('redis-cluster-monitoring', monitoring),
    ],
  },
}
