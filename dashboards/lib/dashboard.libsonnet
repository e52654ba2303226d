// The frame around the panels: variables, annotations, links and the grid.
function(config) {
  local theme = import 'theme.libsonnet',
  local q = (import 'queries.libsonnet')(config),
  local datasource = { type: 'prometheus', uid: '${datasource}' },
  local c = config.clusterLabel,
  local n = config.nodeLabel,

  local variable(name, label, query) = {
    type: 'query',
    name: name,
    label: label,
    datasource: datasource,
    query: { query: query, refId: 'Variable' },
    definition: query,
    refresh: 2,  // when the time range changes
    sort: 1,
    multi: true,
    includeAll: true,
    allValue: '.+',
    current: { selected: true, text: ['All'], value: ['$__all'] },
    options: [],
    regex: '',
    skipUrlSync: false,
    hide: 0,
  },
  local variables = [
    {
      type: 'datasource',
      name: 'datasource',
      label: 'Data source',
      query: 'prometheus',
      refresh: 1,
      regex: '',
      multi: false,
      includeAll: false,
      current: {},
      options: [],
      skipUrlSync: false,
      hide: 0,
    },
    variable('job', 'Job', 'label_values(redis_cluster_discovery_up, job)'),
    variable('redis_cluster', 'Cluster', 'label_values(redis_cluster_discovery_up{job=~"$job"}, %s)' % c),
    variable('redis_node', 'Node', 'label_values(redis_up{job=~"$job", %s=~"$redis_cluster"}, %s)' % [c, n]),
  ],

  local annotation(name, colour, expr, title, text, tags) = {
    name: name,
    datasource: datasource,
    enable: true,
    hide: false,
    iconColor: colour,
    // Grafana reads the query here or there, depending on its version.
    expr: expr,
    target: { refId: 'Annotation', expr: expr, range: true, instant: false },
    titleFormat: title,
    textFormat: text,
    tagKeys: std.join(',', tags),
    useValueForTime: false,
  },
  local annotations = [
    annotation('Failovers',
               theme.event,
               q.cluster.increase('redis_cluster_failovers_total') + ' > 0',
               'Failover',
               'A replica took over in {{%s}}' % c,
               [c]),
    annotation('Alerts',
               theme.bad,
               'max by (alertname, severity, %s, %s) (%s)' % [c, n, q.alerts('severity!="info"')],
               '{{alertname}}',
               '{{severity}}',
               [c, n]),
  ],

  // Puts the panels of each section, line by line, on the grid; a section with a title has a row for it.
  local grid(sections) =
    local panelsOf(section) =
      (if section.title == null then [] else [{ type: 'row', title: section.title, collapsed: false, panels: [], size:: { w: 24, h: 1 } }])
      + section.panels;
    local place(state, panel) =
      local fits = state.x + panel.size.w <= 24;
      local x = if fits then state.x else 0;
      local y = if fits then state.y else state.y + state.h;
      assert fits || state.x == 24 : 'a gap right of the panel before "%s"' % panel.title;
      assert x == 0 || panel.size.h == state.h : 'another height than its neighbour: "%s"' % panel.title;
      {
        x: x + panel.size.w,
        y: y,
        h: panel.size.h,
        panels: state.panels + [panel { id: std.length(state.panels) + 1, gridPos: { x: x, y: y } + panel.size }],
      };
    local end = std.foldl(place, std.flatMap(panelsOf, sections), { x: 24, y: 0, h: 0, panels: [] });
    assert end.x == 24 : 'a gap at the end';
    end.panels,

  section(title, panels): { title: title, panels: panels },

  dashboard(uid, title, description, sections): {
    uid: 'redis-cluster-' + uid,
    title: 'Redis Cluster / ' + title,
    description: description,
    tags: config.dashboardTags,
    schemaVersion: 39,
    version: 1,
    id: null,
    editable: false,
    timezone: config.dashboardTimezone,
    refresh: config.dashboardRefresh,
    time: { from: config.dashboardFrom, to: 'now' },
    timepicker: {},
    graphTooltip: 1,
    fiscalYearStartMonth: 0,
    weekStart: '',
    liveNow: false,
    links: [{
      type: 'dashboards',
      tags: [config.dashboardTags[std.length(config.dashboardTags) - 1]],
      title: 'Redis Cluster',
      asDropdown: false,
      includeVars: true,
      keepTime: true,
      targetBlank: false,
      icon: 'external link',
      tooltip: '',
      url: '',
    }],
    annotations: { list: annotations },
    templating: { list: variables },
    panels: grid(sections),
  },
}
