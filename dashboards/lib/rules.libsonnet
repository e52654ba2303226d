// Expressions that several alerts or panels use. Named level:metric:operation; the level redis_node
// is one node of one cluster.
{
  local text = (import 'rule_text.libsonnet')(self._config),

  local record(name, expr) = { record: name, expr: text.select(expr) },

  prometheusRules+:: {
    groups: [
      {
        name: 'redis-cluster-recorded',
        rules: [
          // Masters that answer the exporter, and the share of them that say the cluster is down. Two
          // exporters may tell of one cluster: a node counts once.
          record('redis_cluster:masters_readable:count', |||
            count by (redis_cluster) (
              max by (redis_cluster, redis_node) (redis_up{} == 1)
              and on (redis_cluster, redis_node) redis_cluster_node_info{role="master"}
            )
          |||),
          record('redis_cluster:masters_state_fail:ratio', |||
            sum by (redis_cluster) (
              (redis_cluster_state{} == bool 0)
              and on (redis_cluster, redis_node) redis_cluster_node_info{role="master"}
            )
            /
            count by (redis_cluster) (
              redis_cluster_state{}
              and on (redis_cluster, redis_node) redis_cluster_node_info{role="master"}
            )
          |||),

          // The share of those masters that hold a node for failed; that suspect it at least.
          record('redis_node:fail_reporters:ratio', |||
            max by (redis_cluster, redis_node) (redis_cluster_node_reporters{flag="fail"})
            / on (redis_cluster) group_left () redis_cluster:masters_readable:count
          |||),
          record('redis_node:doubt_reporters:ratio', |||
            sum by (redis_cluster, redis_node) (
              max by (redis_cluster, redis_node, flag) (redis_cluster_node_reporters{})
            )
            / on (redis_cluster) group_left () redis_cluster:masters_readable:count
          |||),

          // Replicas of each master that could take over from it. A master has no sample when none
          // of its replicas can be judged.
          record('redis_node:replicas_eligible:count', |||
            max by (redis_cluster, redis_node) (
              label_replace(
                redis_cluster_node_info{role="master"}, "master_id", "$1", "node_id", "(.+)"
              )
              * on (redis_cluster, master_id) group_left ()
              sum by (redis_cluster, master_id) (
                max by (redis_cluster, redis_node) (redis_replica_failover_eligible{})
                * on (redis_cluster, redis_node) group_left (master_id)
                max by (redis_cluster, redis_node, master_id) (
                  redis_cluster_node_info{role="replica"}
                )
              )
            )
          |||),

          // Use of limits. Without a limit there is no sample.
          record('redis_node:memory_usage:ratio', |||
            redis_memory_used_bytes{} / (redis_memory_max_bytes{} > 0)
          |||),
          record('redis_node:connection_usage:ratio', |||
            (
              redis_connected_clients{}
              + redis_connected_slaves{}
              + (redis_cluster_connections{} or redis_connected_clients{} * 0)
            )
            / (redis_max_clients{} or redis_config_maxclients{})
          |||),

          // Traffic of all nodes; what a replica takes from its master is counted there as well.
          record('redis_cluster:commands:rate5m', |||
            sum by (redis_cluster) (rate(redis_commands_processed_total{}[5m]))
          |||),
          record('redis_cluster:moved_errors:rate5m', |||
            sum by (redis_cluster) (rate(redis_errors_total{err="MOVED"}[5m]))
          |||),
        ],
      },
    ],
  },
}
