// What a colour, a state's name and a threshold mean, said once for all panels. The colours are those
// of Okabe and Ito, which people with any kind of colour vision can tell apart.
{
  local palette = {
    orange: '#E69F00',
    sky: '#56B4E9',
    green: '#009E73',
    blue: '#0072B2',
    vermillion: '#D55E00',
    purple: '#CC79A7',
  },

  good: palette.green,
  warning: palette.orange,
  bad: palette.vermillion,
  neutral: palette.blue,
  event: palette.purple,
  unknown: '#666666',
  none: 'transparent',

  // Series that mean the same on every panel: the last word of the legend, and its colour.
  series: {
    masters: palette.blue,
    replicas: palette.sky,
    sent: palette.blue,
    received: palette.sky,
    migrating: palette.orange,
    importing: palette.sky,
    MOVED: palette.blue,
    ASK: palette.orange,
    used: palette.blue,
    limit: palette.vermillion,
    // why slots are not served
    unassigned: palette.purple,
    owner_pfail: palette.orange,
    owner_fail: palette.vermillion,
    // syncs
    full: palette.vermillion,
    partial: palette.green,
    denied: palette.orange,
  },

  // [[from, colour], ...]: the first one holds from -infinity on, whatever its number.
  steps(list): {
    mode: 'absolute',
    steps: [{ value: if i == 0 then null else list[i][0], color: list[i][1] } for i in std.range(0, std.length(list) - 1)],
  },
  plain: self.steps([[0, self.neutral]]),
  badFrom(value): self.steps([[0, self.good], [value, self.bad]]),
  warnFrom(value): self.steps([[0, self.good], [value, self.warning]]),
  warnAndBadFrom(warning, bad): self.steps([[0, self.good], [warning, self.warning], [bad, self.bad]]),
  goodFrom(value): self.steps([[0, self.warning], [value, self.good]]),

  // Names for values: [[value or [from, to], text, colour], ...].
  names(list): [
    if std.isArray(list[i][0]) then
      { type: 'range', options: { from: list[i][0][0], to: list[i][0][1], result: { index: i, text: list[i][1], color: list[i][2] } } }
    else
      { type: 'value', options: { [std.toString(list[i][0])]: { index: i, text: list[i][1], color: list[i][2] } } }
    for i in std.range(0, std.length(list) - 1)
  ],
  // What stands where there is no value: without it, Grafana gives it the colour of the lowest step.
  absent(text, colour, index): {
    type: 'special',
    options: { match: 'null+nan', result: { index: index, text: text, color: colour } },
  },
  upDown: self.names([[1, 'up', self.good], [0, 'DOWN', self.bad]]),
  okFail: self.names([[1, 'ok', self.good], [0, 'FAIL', self.bad]]),
  yesNo: self.names([[1, 'yes', self.good], [0, 'NO', self.warning]]),
  noYes: self.names([[0, 'no', self.good], [1, 'YES', self.warning]]),
  severity: self.names([['critical', 'critical', self.bad], ['warning', 'warning', self.warning], ['info', 'info', self.neutral]]),
  noReplica: self.names([[-1, 'no replica', self.neutral]]),
  noneOpen: self.names([[-1, 'none', self.good]]),
  noLimit: self.names([[-1, 'no limit', self.neutral]]),
  role: self.names([[2, 'master', self.series.masters], [1, 'replica', self.series.replicas]]),
  state: self.names([[1, 'OK', self.good], [[0.5000001, 0.9999999], 'PARTLY', self.warning], [[0, 0.5], 'FAIL', self.bad]]),
  agreed: self.names([[1, 'AGREED', self.good]]),
}
