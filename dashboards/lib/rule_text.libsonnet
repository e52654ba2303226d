// How rules write labels, selectors and durations, which the configuration may change.
function(config) {
  // The names of the labels, where a list or a template uses them: `by (redis_cluster, redis_node)`,
  // `{{ $labels.redis_node }}`. Metrics are named so, too, and stay.
  labels(text)::
    local renamed(text, from, to) = if from == to then text else std.foldl(
      function(text, end) std.strReplace(text, from + end, to + end), [',', ')', ' }'], text
    );
    renamed(renamed(text, 'redis_cluster', config.clusterLabel), 'redis_node', config.nodeLabel),

  // An expression marks its selectors with braces, empty ones too; names of recorded series have
  // none, since the rules that record them have selected already.
  select(expr)::
    if config.selector == '' then std.strReplace($.labels(expr), '{}', '')
    else std.strReplace(std.strReplace($.labels(expr), '{', '{' + config.selector + ', '), ', }', '}'),

  // Seconds, scaled, as a duration: the largest unit that divides them.
  time(seconds)::
    local ms = std.max(1, std.floor(seconds * config.forScale * 1000 + 0.5));
    local units = [[86400000, 'd'], [3600000, 'h'], [60000, 'm'], [1000, 's'], [1, 'ms']];
    local unit = [u for u in units if ms % u[0] == 0][0];
    '%d%s' % [ms / unit[0], unit[1]],
}
