# Turns `redis_cluster_exporter --help` into other forms of the same, so that they are never stale:
#   awk -v form=man|bash|zsh|fish -f packaging/reference.awk
# A flag stands there as "  --name=ARGUMENT  (VARIABLE)  default VALUE", its text below it, further
# in; collectors as "  name  on|off  text".

/^These flags of redis_exporter/ { section = "aliases"; next }
/^Collectors, / { section = "collectors"; next }
section == "" && /^  --/ { read_flag(); next }
section == "" && /^      / && flags > 0 { text[flags] = text[flags] " " trim($0); next }
section == "aliases" && /^  --/ { for (i = 1; i <= NF; i++) alias[++aliases] = substr($i, 3); next }
section == "collectors" && /^  [a-z]/ {
    collector[++collectors] = $1
    preset_of[collectors] = $2
    collector_text[collectors] = $0
    sub(/^  [^ ]+ +[^ ]+ +/, "", collector_text[collectors])
}

function trim(line) { gsub(/^ +| +$/, "", line); return line }

function read_flag(    word, at) {
    word = $1
    flags++
    at = index(word, "=")
    name[flags] = substr(at ? substr(word, 1, at - 1) : word, 3)
    argument[flags] = at ? substr(word, at + 1) : ""
    variable[flags] = $2 ~ /^\(/ ? substr($2, 2, length($2) - 2) : ""
    preset[flags] = $3 == "default" ? $4 : ""
}

# The words of an argument such as logfmt|json; "" for other arguments.
function choices(argument) {
    return argument ~ /^[a-z0-9_.]+(\|[a-z0-9_.]+)+$/ ? argument : ""
}

function is_file(argument) { return argument ~ /FILE|DIRECTORY/ }

# --- man page, in roff ---

function roff(line) {
    gsub(/\\/, "\\e", line)
    gsub(/-/, "\\-", line)
    gsub(/^[.']/, "\\\\\\&&", line)
    return line
}

# Prints a paragraph in lines of at most 78 characters.
function wrap(text,    words, count, i, line) {
    count = split(roff(text), words, " ")
    for (i = 1; i <= count; i++) {
        if (line != "" && length(line) + length(words[i]) >= 78) {
            print line
            line = ""
        }
        line = line (line != "" ? " " : "") words[i]
    }
    print line
}

function man(    i) {
    for (i = 1; i <= flags; i++) {
        print ".TP"
        print "\\fB\\-\\-" roff(name[i]) "\\fR" \
            (argument[i] != "" ? "=\\fI" roff(argument[i]) "\\fR" : "")
        wrap(text[i])
        if (variable[i] != "")
            print ".br\nVariable: \\fB" variable[i] "\\fR."
        if (preset[i] != "")
            print "Default: \\fB" roff(preset[i]) "\\fR."
    }
    print ".SS Collectors"
    print "Each is turned on by \\fB\\-\\-collector.\\fINAME\\fR and off by"
    print "\\fB\\-\\-no\\-collector.\\fINAME\\fR, or by the variable"
    print "\\fBREDIS_EXPORTER_COLLECTOR_\\fINAME\\fR, which is true or false."
    for (i = 1; i <= collectors; i++)
        print ".TP\n\\fB" roff(collector[i]) "\\fR (" preset_of[i] ")\n" roff(collector_text[i])
    print ".SS Flags of redis_exporter"
    print "These are understood too:"
    for (i = 1; i <= aliases; i++)
        print "\\fB\\-\\-" roff(alias[i]) "\\fR" (i < aliases ? "," : ".")
}

# --- shells ---

# One sentence, without what a shell or _arguments could take for its own.
function short(line) {
    line = trim(line)
    sub(/[:;(].*/, "", line)
    gsub(/['"`\\$\[\]]/, "", line)
    return trim(line)
}

function spaced(words) { gsub(/\|/, " ", words); return words }

function bash(    i, all) {
    for (i = 1; i <= flags; i++)
        all = all " --" name[i] (argument[i] != "" ? "=" : "")
    for (i = 1; i <= collectors; i++)
        all = all " --collector." collector[i] " --no-collector." collector[i]
    print "# Completion of redis_cluster_exporter for bash; made from its --help."
    print "_redis_cluster_exporter()\n{"
    print "    local cur=${COMP_WORDS[COMP_CWORD]} flag=${COMP_WORDS[COMP_CWORD - 1]}"
    print "    # readline takes \"=\" for a word of its own"
    print "    if [[ $cur == \"=\" ]]; then"
    print "        cur="
    print "    elif [[ $flag == \"=\" ]]; then"
    print "        flag=${COMP_WORDS[COMP_CWORD - 2]}"
    print "    fi"
    print "    case $flag in"
    for (i = 1; i <= flags; i++) {
        if (choices(argument[i]) != "")
            print "    --" name[i] ") mapfile -t COMPREPLY < <(compgen -W \"" \
                spaced(argument[i]) "\" -- \"$cur\") ;;"
        else if (is_file(argument[i]))
            print "    --" name[i] ") mapfile -t COMPREPLY < <(compgen -f -- \"$cur\") ;;"
        else if (argument[i] != "")
            print "    --" name[i] ") COMPREPLY=() ;;"
    }
    print "    *)"
    print "        mapfile -t COMPREPLY < <(compgen -W \"" substr(all, 2) "\" -- \"$cur\")"
    print "        [[ ${COMPREPLY[0]} != *= ]] || compopt -o nospace"
    print "        ;;"
    print "    esac\n}"
    print "complete -F _redis_cluster_exporter redis_cluster_exporter"
}

function zsh(    i, action) {
    print "#compdef redis_cluster_exporter"
    print "# Completion of redis_cluster_exporter for zsh; made from its --help."
    print "_arguments \\"
    for (i = 1; i <= flags; i++) {
        action = choices(argument[i]) != "" ? "(" spaced(argument[i]) ")" : \
            is_file(argument[i]) ? "_files" : ""
        print "  '*--" name[i] (argument[i] != "" ? "=" : "") "[" short(text[i]) "]" \
            (argument[i] != "" ? ":" short(argument[i]) ":" action : "") "' \\"
    }
    for (i = 1; i <= collectors; i++) {
        print "  '--collector." collector[i] "[" short(collector_text[i]) "]' \\"
        print "  '--no-collector." collector[i] "[not - " short(collector_text[i]) "]'" \
            (i < collectors ? " \\" : "")
    }
}

function fish(    i) {
    print "# Completion of redis_cluster_exporter for fish; made from its --help."
    print "complete -c redis_cluster_exporter -f"
    for (i = 1; i <= flags; i++)
        print "complete -c redis_cluster_exporter -l " name[i] \
            (argument[i] == "" ? "" : is_file(argument[i]) ? " -r -F" : " -x") \
            (choices(argument[i]) != "" ? " -a '" spaced(argument[i]) "'" : "") \
            " -d '" short(text[i]) "'"
    for (i = 1; i <= collectors; i++) {
        print "complete -c redis_cluster_exporter -l collector." collector[i] \
            " -d '" short(collector_text[i]) "'"
        print "complete -c redis_cluster_exporter -l no-collector." collector[i] \
            " -d 'not - " short(collector_text[i]) "'"
    }
}

END {
    if (flags == 0 || collectors == 0) {
        print "reference.awk: the help text is not as expected" >"/dev/stderr"
        exit 1
    }
    if (form == "man") man()
    else if (form == "bash") bash()
    else if (form == "zsh") zsh()
    else if (form == "fish") fish()
    else { print "reference.awk: form is man, bash, zsh or fish" >"/dev/stderr"; exit 1 }
}
