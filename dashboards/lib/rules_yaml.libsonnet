// Groups of rules as YAML: in the order in which they are read, expressions as blocks. (The standard
// library's std.manifestYamlDoc sorts the fields, and takes seconds.)
local quoted(text) = "'" + std.strReplace(text, "'", "''") + "'";
local block(text, indent) =
  '|\n' + indent + std.strReplace(std.rstripChars(text, '\n'), '\n', '\n' + indent);
// (std.findSubstr takes seconds, too.)
local value(text, indent) =
  if std.strReplace(text, '\n', '') != text then block(text, indent) else quoted(text);

local scalar(rule, field) =
  if field in rule then '    %s: %s\n' % [field, value(rule[field], '      ')] else '';
local map(rule, field, keys) =
  if field in rule then
    '    %s:\n' % field
    + std.join('', ['      %s: %s\n' % [key, quoted(rule[field][key])] for key in keys])
  else '';

local item(rule) =
  local name = if 'alert' in rule then 'alert' else 'record';
  '  - %s: %s\n' % [name, rule[name]]
  + std.join('', [scalar(rule, field) for field in ['expr', 'for', 'keep_firing_for']])
  + map(rule, 'labels', if 'labels' in rule then std.objectFields(rule.labels) else [])
  + map(rule, 'annotations', ['summary', 'description', 'runbook_url', 'dashboard_url']);

function(groups)
  'groups:\n' + std.join('\n', [
    '- name: %s\n  rules:\n' % group.name + std.join('', std.map(item, group.rules))
    for group in groups
  ])
