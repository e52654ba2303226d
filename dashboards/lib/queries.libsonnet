// Queries are built from these, so that each selector carries the variables of the dashboard, and what
// two exporters say alike about one cluster counts once.
function(config) {
  local c = config.clusterLabel,
  local n = config.nodeLabel,
  local ofCluster = 'job=~"$job", %s=~"$redis_cluster"' % c,
  local ofNode = ofCluster + ', %s=~"$redis_node"' % n,
  local select(metric, variables, matchers) =
    metric + '{' + variables + (if matchers == '' then '' else ', ' + matchers) + '}',

  local aggregate(operator, labels, expr) = operator + ' by (' + std.join(', ', labels) + ') (' + expr + ')',

  // Gauges and rates of one level: `variables` choose the series, `by` keeps them apart.
  local level(variables, by) = {
    local max(expr, more) = aggregate('max', by + more, expr),
    gauge(metric, matchers='', keep=[]): max(select(metric, variables, matchers), keep),
    rate(metric, matchers='', keep=[]):
      max('rate(' + select(metric, variables, matchers) + '[$__rate_interval])', keep),
    increase(metric, matchers='', keep=[]):
      max('increase(' + select(metric, variables, matchers) + '[$__rate_interval])', keep),
    // For instant queries: how much in the time that the dashboard shows.
    inRange(metric, matchers='', keep=[]):
      max('round(increase(%s[$__range]))' % select(metric, variables, matchers), keep),
  },

  // Merged figures; figures of the chosen nodes; figures of all nodes, for sums over the cluster.
  cluster: level(ofCluster, [c]),
  node: level(ofNode, [c, n]),
  everyNode: level(ofCluster, [c, n]),
  // The exporter itself, and what Prometheus says about its target.
  exporter: level('job=~"$job"', ['job', 'instance']),

  sum(expr, keep=[]): aggregate('sum', [c] + keep, expr),
  max(expr, keep=[]): aggregate('max', [c] + keep, expr),
  avg(expr, keep=[]): aggregate('avg', [c] + keep, expr),
  count(expr, keep=[]): aggregate('count', [c] + keep, expr),
  sumNodes(expr): aggregate('sum', [c, n], expr),
  top(count, expr): 'topk(%d, %s)' % [count, expr],

  local info(role) = select('redis_cluster_node_info', ofCluster, 'role="' + role + '"'),
  local of(role, expr) = expr + ' and on (' + c + ', ' + n + ') ' + info(role),
  masters(expr): of('master', expr),
  replicas(expr): of('replica', expr),

  // 2 for a master, 1 for a replica.
  role: '%s * 2 or %s' % [
    self.node.gauge('redis_cluster_node_info', 'role="master"'),
    self.node.gauge('redis_cluster_node_info', 'role="replica"'),
  ],

  local masterOfReplica = aggregate('max', [c, n, 'master_id'], info('replica')),
  local mastersById(variables) =
    aggregate('max', [c, n, 'node_id'], select('redis_cluster_node_info', variables, 'role="master"')),

  // A figure of replicas as that of the chosen masters: the worst of each shard.
  worstOfShard(expr):
    ('max by (%(c)s, %(n)s) (max by (%(c)s, node_id) (label_replace(%(expr)s' +
     ' * on (%(c)s, %(n)s) group_left (master_id) %(masterOf)s, "node_id", "$1", "master_id", "(.+)"))' +
     ' * on (%(c)s, node_id) group_left (%(n)s) %(masters)s)') %
    { c: c, n: n, expr: expr, masterOf: masterOfReplica, masters: mastersById(ofNode) },

  // The chosen replicas, each with the name of its master in the label `master`.
  replicasWithMaster:
    ('max by (%(c)s, %(n)s, master) (max by (%(c)s, %(n)s, master_id) (%(replicas)s)' +
     ' * on (%(c)s, master_id) group_left (master) max by (%(c)s, master_id, master) (label_replace(label_replace(' +
     '%(masters)s, "master_id", "$1", "node_id", "(.+)"), "master", "$1", "%(n)s", "(.+)")))') %
    { c: c, n: n, replicas: select('redis_cluster_node_info', ofNode, 'role="replica"'), masters: mastersById(ofCluster) },

  // Use of the memory limit; nodes without one have no sample.
  memoryUsage(level): self.share(level.gauge('redis_memory_used_bytes'), level.gauge('redis_memory_max_bytes')),

  // What an expression means where it has no sample, while there are others of its kind.
  orElse(expr, value, present): '%s or %s * 0 + %d' % [expr, present, value],

  // a over b, where there is any b.
  share(a, b): a + ' / (' + b + ' > 0)',

  // Firing alerts of the chosen clusters, and those about no cluster in particular. Their job is that
  // of the rule's result, if it has one at all.
  alerts(matchers=''):
    select('ALERTS', 'alertstate="firing", alertname=~"Redis.+", %s=~"$redis_cluster|"' % c, matchers),

  legend: {
    cluster: '{{%s}}' % c,
    node: '{{%s}}' % n,
    of(words): self.cluster + ' ' + words,
    nodeOf(words): self.node + ' ' + words,
  },
  labels: { cluster: c, node: n },
}
