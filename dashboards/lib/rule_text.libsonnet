// How rules write selectors and durations, which the configuration may change.
function(config) {
  // An expression marks its selectors with braces, empty ones too; names of recorded series have
  // none, since the rules that record them have selected already.
  select(expr)::
    if config.selector == '' then std.strReplace(expr, '{}', '')
    else std.strReplace(std.strReplace(expr, '{', '{' + config.selector + ', '), ', }', '}'),

  // Seconds, scaled, as a duration: the largest unit that divides them.
  time(seconds)::
    local ms = std.max(1, std.floor(seconds * config.forScale * 1000 + 0.5));
    local units = [[86400000, 'd'], [3600000, 'h'], [60000, 'm'], [1000, 's'], [1, 'ms']];
    local unit = [u for u in units if ms % u[0] == 0][0];
    '%d%s' % [ms / unit[0], unit[1]],
}
