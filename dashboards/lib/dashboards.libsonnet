// The dashboards, by file name.
{
  local config = self._config,
  local lib = {
    config: config,
    theme: import 'theme.libsonnet',
    q: (import 'queries.libsonnet')(config),
    p: (import 'panels.libsonnet')(config),
    d: (import 'dashboard.libsonnet')(config),
  },
  local all = [
    (import 'overview.libsonnet')(lib),
    (import 'slots.libsonnet')(lib),
    (import 'replication.libsonnet')(lib),
    (import 'node.libsonnet')(lib),
    (import 'exporter.libsonnet')(lib),
  ],

  grafanaDashboards+:: { [board.uid + '.json']: board for board in all },
}
