// What a team may want to change: selectors, thresholds, addresses. Import mixin.libsonnet and
// override `_config`.
{
  _config+:: {
    // Matchers of the series in rules, added to each selector.
    selector: '',
    clusterLabel: 'redis_cluster',
    nodeLabel: 'redis_node',

    runbookUrl: 'https://github.com/redis-cluster-exporter/redis_cluster_exporter/blob/main/dashboards/runbooks/%s.md',
    dashboardUrl: '/d/%s?var-redis_cluster={{ $labels.redis_cluster }}',
    // The dashboard that an alert links to, by what it is about.
    alertDashboards: {
      cluster: 'redis-cluster-overview',
      node: 'redis-cluster-node',
      exporter: 'redis-cluster-exporter',
    },
    dashboardTags: ['redis', 'redis-cluster'],
    dashboardRefresh: '30s',
    dashboardFrom: 'now-1h',
    dashboardTimezone: 'browser',

    // Every `for`, `keep_firing_for` and window of an alert is multiplied by this: below 1 in tests
    // only.
    forScale: 1,

    // Thresholds, shared by alerts and panels.
    lagSecondsWarning: 10,
    lagSecondsCritical: 60,
    backlogUsageWarning: 0.8,
    memoryUsageWarning: 0.9,
    memoryUsageCritical: 0.97,
    connectionsWarning: 0.85,
    skewWarning: 1.5,
    clockSkewSecondsWarning: 5,
    forkSecondsWarning: 1,
    openSlotsStuckSeconds: 1800,
    slotMigrationAckSeconds: 60,
    failoversPerHourWarning: 3,
    fullSyncsWarning: 3,
    movedShareWarning: 0.01,
    movedPerSecondMinimum: 1,  // below this, the share is not looked at
    topologyAgeSecondsWarning: 120,
    certificateDaysWarning: 14,
    scrapeSecondsWarning: 1,
    scrapeSecondsCritical: 5,
    replicasMinimum: 1,
    // Settings that may differ between nodes on purpose, as a regular expression: 'save|appendonly'.
    configMismatchAllowed: '',
  },
}
