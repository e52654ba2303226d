// The whole mixin: prometheusAlerts, prometheusRules, grafanaDashboards.
(import 'config.libsonnet') +
(import 'lib/alerts.libsonnet') +
(import 'lib/rules.libsonnet') +
(import 'lib/dashboards.libsonnet')
