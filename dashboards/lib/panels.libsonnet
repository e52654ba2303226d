// The kinds of panels. Each takes a title, a unit, a help text, targets, and a spec with what is special:
//   w, h        size on the grid of 24 columns
//   drill       the dashboard that a click opens; 'node' is that of the series' node, 'nodes' that of all chosen ones
//   steps, names, noValue, decimals, min, max, softMax
//   unknown     the colour of a stat that has no value
//   words       last words of legends that have a colour of their own (theme.series)
function(config) {
  local theme = import 'theme.libsonnet',
  local q = (import 'queries.libsonnet')(config),
  local datasource = { type: 'prometheus', uid: '${datasource}' },

  target(expr, legend): {
    datasource: datasource,
    expr: expr,
    legendFormat: legend,
    editorMode: 'code',
    range: true,
    instant: false,
  },
  local instant(target) = target { range: false, instant: true },
  local tabular(target) = instant(target) { format: 'table' },
  local numbered(targets) = [
    targets[i] { refId: std.char(std.codepoint('A') + i) }
    for i in std.range(0, std.length(targets) - 1)
  ],

  // What a panel shows, what is good and bad, and where to look next.
  help(what, good, bad, next): what + '\n\n**Good:** ' + good + '\n\n**Bad:** ' + bad + '\n\n**Next:** ' + next,

  local keep = '${__url_time_range}&${datasource:queryparam}&${job:queryparam}',
  local url = {
    // `cluster` and `node` tell where a click finds their names
    node(cluster, node): '/d/redis-cluster-node?' + keep + '&var-redis_cluster=' + cluster + '&var-redis_node=' + node,
    board(uid): '/d/redis-cluster-' + uid + '?' + keep + '&${redis_cluster:queryparam}&${redis_node:queryparam}',
  },
  local boards = {
    overview: ['overview', 'Overview'],
    slots: ['slots', 'Slots and resharding'],
    replication: ['replication', 'Replication and failover'],
    nodes: ['node', 'Node'],
    exporter: ['exporter', 'Exporter'],
  },
  local drillLinks(drill) = [
    if drill == 'node' then
      {
        title: 'This node',
        url: url.node('${__field.labels.' + q.labels.cluster + '}', '${__field.labels.' + q.labels.node + '}'),
      }
    else { title: boards[drill][1], url: url.board(boards[drill][0]) },
  ],

  local colourOf(word) = {
    matcher: { id: 'byRegexp', options: '/(^| )%s$/' % word },
    properties: [{ id: 'color', value: { mode: 'fixed', fixedColor: theme.series[word] } }],
  },

  local panel(type, title, unit, help, targets, spec) = {
    type: type,
    title: title,
    description: help,
    datasource: datasource,
    targets: numbered(targets),
    transparent: false,
    size:: { w: std.get(spec, 'w', 8), h: std.get(spec, 'h', 8) },
    fieldConfig: {
      defaults: {
        unit: unit,
        thresholds: std.get(spec, 'steps', theme.plain),
        mappings: std.get(spec, 'names', []),
        links: drillLinks(std.get(spec, 'drill', 'node')),
      } + { [key]: spec[key] for key in ['noValue', 'decimals', 'min', 'max'] if std.objectHas(spec, key) },
      overrides: [colourOf(word) for word in std.get(spec, 'words', [])],
    },
  },

  // The present value, asked anew: a series that has ended shows "no data" and not its last value.
  stat(title, unit, help, targets, spec={}):
    local names = std.get(spec, 'names', []), noValue = std.get(spec, 'noValue', '–');
    local absent = theme.absent(noValue, std.get(spec, 'unknown', theme.unknown), std.length(names));
    panel('stat', title, unit, help, [instant(t) for t in targets], { w: 3, h: 4 } + spec) {
      fieldConfig+: { defaults+: { color: { mode: 'thresholds' }, noValue: noValue, mappings: names + [absent] } },
      options: {
        reduceOptions: { calcs: ['lastNotNull'], fields: '', values: false },
        orientation: std.get(spec, 'orientation', 'auto'),
        textMode: std.get(spec, 'textMode', 'auto'),
        colorMode: 'background',
        graphMode: 'none',
        justifyMode: 'auto',
        wideLayout: true,
      },
    },

  // The same node has the same colour on all panels, by its name.
  timeseries(title, unit, help, targets, spec={}):
    local bars = std.get(spec, 'bars', false), stacked = std.get(spec, 'stacked', false);
    panel('timeseries', title, unit, help, targets, { min: 0 } + (if bars then { decimals: 0 } else {}) + spec) {
      // Windows of bars overlap by one scrape, so that nothing falls between them: the wider they are,
      // the fewer events are in two of them.
      [if bars then 'interval']: '1m',
      fieldConfig+: {
        defaults+: {
          color: { mode: 'palette-classic-by-name' },
          custom: {
            drawStyle: if bars then 'bars' else 'line',
            lineInterpolation: if std.get(spec, 'stepped', false) then 'stepAfter' else 'linear',
            lineWidth: 1,
            fillOpacity: if stacked || bars then 40 else 0,
            showPoints: 'auto',
            pointSize: 4,
            spanNulls: false,
            stacking: { mode: if stacked then 'normal' else 'none', group: 'A' },
            axisPlacement: 'auto',
            // or nothing but zeros would be drawn on an axis up to 100
            axisSoftMax: std.get(spec, 'softMax', if unit == 'none' then 1 else if unit == 'cps' then 0.1 else null),
            thresholdsStyle: { mode: if std.objectHas(spec, 'steps') then 'dashed' else 'off' },
          },
        },
      },
      options: {
        legend: {
          showLegend: true,
          displayMode: 'table',
          placement: 'bottom',
          calcs: ['lastNotNull', 'max'],
          sortBy: 'Max',
          sortDesc: true,
        },
        tooltip: { mode: 'multi', sort: 'desc' },
      },
    },

  // States over time, one line a series.
  timeline(title, unit, help, targets, spec={}):
    panel('state-timeline', title, unit, help, targets, { w: 24 } + spec) {
      fieldConfig+: {
        defaults+: {
          color: { mode: 'thresholds' },
          custom: { lineWidth: 0, fillOpacity: 80, spanNulls: false },
        },
      },
      options: {
        mergeValues: true,
        showValue: 'auto',
        alignValue: 'left',
        rowHeight: 0.85,
        legend: { showLegend: false, displayMode: 'list', placement: 'bottom' },
        tooltip: { mode: 'single', sort: 'none' },
      },
    },

  bars(title, unit, help, targets, spec={}):
    panel('bargauge', title, unit, help, [instant(t) for t in targets], { min: 0 } + spec) {
      fieldConfig+: { defaults+: { color: { mode: if std.objectHas(spec, 'steps') then 'thresholds' else 'palette-classic-by-name' } } },
      options: {
        reduceOptions: { calcs: ['lastNotNull'], fields: '', values: false },
        orientation: 'horizontal',
        displayMode: 'basic',
        valueMode: 'color',
        showUnfilled: true,
        namePlacement: 'auto',
        sizing: 'auto',
        minVizHeight: 16,
        minVizWidth: 8,
        maxVizHeight: 40,
        legend: { showLegend: false, displayMode: 'list', placement: 'bottom', calcs: [] },
      },
    },

  // A link to the runbook of an alert.
  runbook(name): { title: 'Runbook', url: config.runbookUrl % name, targetBlank: true },

  // A column of a table: its query, title and unit; `extra` are properties of its cells.
  column(title, expr, unit='short', extra={}): {
    title: title,
    expr: expr,
    unit: unit,
    extra: extra,
    hidden: false,
  },
  // Gives labels only.
  labelsOnly(expr): { title: '', expr: expr, unit: 'short', extra: {}, hidden: true },
  coloured(steps): {
    thresholds: steps,
    mappings: [theme.absent('–', theme.none, 0)],
    'custom.cellOptions': { type: 'color-background', mode: 'basic' },
  },
  named(names): { mappings: names, 'custom.cellOptions': { type: 'color-text' } },

  // One row for each set of label values. `labels` are [[label, title, properties], ...], in order, the
  // last part being optional; the others are hidden. Labels open the dashboard of the row's node, or `drill`.
  table(title, unit, help, columns, labels, spec={}):
    local targets = [$.target(column.expr, '') for column in columns];
    local values = [if std.length(columns) == 1 then 'Value' else 'Value #' + std.char(std.codepoint('A') + i) for i in std.range(0, std.length(columns) - 1)];
    local named(name, properties) = {
      matcher: { id: 'byName', options: name },
      properties: [{ id: key, value: properties[key] } for key in std.objectFields(properties)],
    };
    local nodeLink = [{
      title: 'This node',
      url: url.node('${__data.fields.' + q.labels.cluster + '}', '${__data.fields.' + q.labels.node + '}'),
    }];
    panel('table', title, unit, help, [tabular(t) for t in targets], { w: 24 } + spec) {
      fieldConfig+: {
        defaults+: {
          color: { mode: 'thresholds' },
          // Grafana's own 150 would push the last columns out of sight.
          custom: { align: 'auto', cellOptions: { type: 'auto' }, filterable: true, inspect: false, minWidth: 70 },
          links: [],
        },
        overrides: [
          named(label[0], {
            displayName: label[1],
            links: if std.objectHas(spec, 'drill') then drillLinks(spec.drill) else nodeLink,
            noValue: '–',
            'custom.minWidth': 80,
          } + (if label == labels[0] then { 'custom.width': 180 } else {}) + (if std.length(label) > 2 then label[2] else {}))
          for label in labels
        ] + [
          named(values[i], { displayName: columns[i].title, unit: columns[i].unit } + columns[i].extra)
          for i in std.range(0, std.length(columns) - 1)
          if !columns[i].hidden
        ],
      },
      options: {
        showHeader: true,
        cellHeight: 'sm',
        frameIndex: 0,
        footer: { show: false, reducer: ['sum'], countRows: false, fields: '' },
        sortBy: [{ displayName: labels[0][1], desc: false }],
      },
      transformations: [
        { id: 'merge', options: {} },
        {
          id: 'organize',
          options: {
            excludeByName: { Time: true } + { [values[i]]: true for i in std.range(0, std.length(columns) - 1) if columns[i].hidden }
                           + { [label]: true for label in std.get(spec, 'hide', []) },
            indexByName: { [labels[i][0]]: i for i in std.range(0, std.length(labels) - 1) }
                         + { [values[i]]: std.length(labels) + i for i in std.range(0, std.length(columns) - 1) },
            renameByName: {},
          },
        },
      ],
    },
}
