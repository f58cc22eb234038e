# shellcheck shell=bash
# The same script through the engine's class and through ours, on simulated gateways, each in a network of its own.
# Sourced by run, which has the engine. What the routers are is in `portcullis simulate --list-scenarios`.
#
#   client 10.99.0.2 eth0 ── lan0 10.99.0.1 gateway
#
# The gateway's namespace has no route out, or the simulated gateway would not start there.

# shellcheck source=lab/lib.sh
source lab/lib.sh

SCENARIO_GATEWAY_IP=10.99.0.1
SCENARIO_CLIENT_IP=10.99.0.2
# The one that the scenario ipv6-location announces.
SCENARIO_GATEWAY_IP6=fd99::1
# A class that takes longer is ended.
SCENARIO_LIMIT_S=30
# Most of them wait, so more than there are processors.
SCENARIO_JOBS=8
# What a process may take of the memory, in KiB.
SCENARIO_MEMORY=2000000

# What hosts of Godot games have met, by number:
#
#  1 a private or shared external address      2 GetStatusInfo fails            3 says Disconnected, and maps
#  4 no WANCommonInterfaceConfig               5 two WAN services               6 three of them
#  7 answers one search target only            8 an external address that is none
#  9 a device that cannot be connected to     10 accepts and says nothing      11 drips
# 12 a description without end                13 thirty devices                14 nobody answers
# 15 leaving while searching                  16 two interfaces                18 a VPN
# 19 discover_multicast_if                    20 a URL over IPv6               22 permanent leases only
# 23 conflicts
# 24 forgets at a reboot                      25 descriptions                  26 other leases than asked for
# 27 says yes and does not                    28 odd replies and faults        29 not authorised
# 30 what is printed                          31 eight threads                 32 sending is refused
#
# Not here: 17, an interface that cannot be bound to (Windows); 21, firewall control over IPv6: neither class has a call
# for it. The library's own tests open pinholes on such gateways (`ipv6-...`). Of 20, a search over IPv6 is among the rows
# of side_by_side.gd. Of 24, BOOTID: neither class listens to announcements, PortForwarder does.

# In 16 and 18 there is a default gateway that does not answer: it is waited for, a second and a little.
#
# NUMBER | GATEWAY | FLOW | NETWORK | WHAT IT IS | OURS | OURS TAKES AT MOST, ms
# A flow is a method of lab/scenario.gd, a network a function below.
SCENARIOS=(
    "G1|private-address|host|plain|its own address is private|opened|1100"
    "G1|shared-address|host|plain|its own address is shared among customers|opened|1100"
    "G2|status-silent|host|plain|never answers GetStatusInfo|opened|2400"
    "G2|no-status|host|plain|has no GetStatusInfo|opened|1100"
    "G2|status-page|host|plain|answers GetStatusInfo with 500 and a page|opened|1100"
    "G2|status-401|host|plain|answers GetStatusInfo with 401 and a page|opened|1100"
    "G2|status-uptime|host|plain|its uptime is no number|opened|1100"
    "G3|offline|host|plain|says Disconnected and 0.0.0.0, and maps|opened|1100"
    "G3|disconnected|host|plain|says Disconnected, and maps|opened|1100"
    "G4|no-common-config|host|plain|has no WANCommonInterfaceConfig|opened|1100"
    "G5|two-connections|host|plain|two connections, the second is up|opened|1100"
    "G5|two-wan-devices|host|plain|two WAN devices, the second is up|opened|1100"
    "G6|three-connections|host|plain|three connections, the second is up|opened|1100"
    "G7|answers-rootdevice-only|host|plain|answers upnp:rootdevice only|opened|1100"
    "G7|answers-service-only|host|plain|answers WANIPConnection:1 only|opened|1100"
    "G7|answers-igd2-only|host|plain|answers InternetGatewayDevice:2 only|opened|1100"
    "G8|no-address|address|plain|its external address is empty|opened; no address|1100"
    "G8|garbage-address|address|plain|its external address is \`(null)\`|opened; no address|1100"
    "G8|named-address|address|plain|its external address is a host name|opened; no address|1100"
    "G8|ipv6-address|address|plain|its external address is an IPv6 one|opened; address \`2a02:ff1::142\`|1100"
    "G9|dead-neighbour|host|plain|beside it a device that cannot be connected to|opened|1100"
    "G9|dead|host|plain|cannot be connected to|no valid gateway: status 1|3000"
    "G10|silent-neighbour|host|plain|beside it a device that accepts and says nothing|opened|1100"
    "G10|accepts-silently|host|plain|accepts connections and says nothing|no valid gateway: status 1|3000"
    "G11|dripping|host|plain|sends its description a byte per second|no valid gateway: status 1|3000"
    "G11|dripping-neighbour|host|plain|beside it a device that sends a byte per second|opened|1100"
    "G12|endless|host|plain|its description never ends|no valid gateway: status 1|3000"
    "G12|endless-chunks|host|plain|the same in chunks|no valid gateway: status 1|3000"
    "G12|huge|host|plain|its description has 100 MB|no valid gateway: status 1|3000"
    "G13|crowd|host|plain|thirty gateways answer|opened|1100"
    "G14|silent|host|plain|nobody answers|\`discover()\` gives 27|2400"
    "G15|silent|leave|plain|the same, and the player leaves: until the thread has ended|the thread has ended|300"
    "G16|igd1|host|other_first|another interface has the default route|opened|1500"
    "G18|igd1|host|vpn|a VPN has the default route|opened|1500"
    "G19|igd1|interfaces|plain|discover_multicast_if by name, by address, any, unknown: the longest|\`eth0\` 0, \`10.99.0.2\` 0, \`0.0.0.0\` 0, \`no such\` 28|1100"
    "G20|ipv6-location|host|dual|answers over IPv4, with a URL over IPv6|opened|1100"
    "G22|permanent-lease-only|lease|plain|knows no leases, and is asked for ten minutes|refused: 15|1100"
    "G23|conflict|taken|plain|another computer has the port|opened; once more: opened|1100"
    "G24|igd1|reboot|plain|restarts at another port and forgets: the call after it|opened; after the restart: 23; after another search: opened|1100"
    "G24|farewell|host|plain|says goodbye before each of its answers|opened|1100"
    "G25|igd1|descriptions|plain|unusual descriptions|\`Tom & Jerry <3\` kept, \`1 > 0\` kept, \`\"'é🎲\` kept, 250 letters kept, 300 letters shortened, 3000 letters shortened|1100"
    "G25|description-605|host|plain|refuses descriptions of more than ten letters|refused: 28|1100"
    "G26|short-lease|lease|plain|shortens leases to two minutes|opened|1100"
    "G26|day-lease|lease|plain|grants a day, whatever is asked|opened|1100"
    "G26|week-lease|fortnight|plain|shortens leases to a week, and is asked for two|opened for 168 h|1100"
    "G26|permanent-lease-invalid|host|plain|refuses leases that have no end|refused: 20|1100"
    "G26|permanent-lease-invalid|fortnight|plain|refuses leases above a week, and is asked for two|refused: 20|1100"
    "G27|forgetful|host|plain|says that it maps, and does not|said to be open, and is not|1100"
    "G28|page-404|host|plain|answers AddPortMapping with 404 and a page, and does not map|refused: 23|1100"
    "G28|page-500|host|plain|answers AddPortMapping with 500 and a page, and does not map|refused: 23|1100"
    "G28|cdata-faults|lease|plain|the number of its faults is in a CDATA section|refused: 15|1100"
    "G28|prefixed-faults|lease|plain|its faults have a prefix to their elements|refused: 15|1100"
    "G28|bare-faults|lease|plain|its faults have a number only|refused: 15|1100"
    "G28|garbage-faults|lease|plain|its faults have bytes in them that are no text|refused: 15|1100"
    "G28|success-500|host|plain|says 500 to what succeeds|opened|1100"
    "G29|not-authorized|host|plain|does not let this computer open ports|refused: 1|1100"
    "G29|approval|approved|plain|does not, until its user has approved|refused: 1; once approved: opened|1100"
    "G29|approval-403|approved|plain|the same, and says 403|refused: 1; once approved: opened|1100"
    "G31|igd1|threads|plain|eight objects in eight threads at once|8 of 8 found it|1100"
    "G32|igd1|host|forbidden|a firewall on this computer refuses to send searches|\`discover()\` gives 24|2400"
    "G32|igd1|host|no_route|there is no route to the multicast group|opened|1100"
    "–|not-a-gateway|everything|plain|a media server, searched for as such|1 listed, no gateway|2400"
)
# Where the engine's class is not run.
SCENARIOS_OURS=" dripping dripping-neighbour endless endless-chunks "
# Those where somebody waits longest come first.
SCENARIOS_FIRST=" dripping dripping-neighbour endless endless-chunks huge dead-neighbour silent-neighbour status-silent "

# ---- networks: in the namespaces $gateway and $client ---------------------------------------------------

plain() {
    ip -n "$client" link add eth0 type veth peer name lan0 netns "$gateway" &&
        ip -n "$client" link set eth0 up && ip -n "$gateway" link set lan0 up &&
        ip -n "$client" address add "$SCENARIO_CLIENT_IP/24" dev eth0 &&
        ip -n "$gateway" address add "$SCENARIO_GATEWAY_IP/24" dev lan0 &&
        ip -n "$client" route add default via "$SCENARIO_GATEWAY_IP"
}

# Also over IPv6; addresses are usable at once, as nobody else can have them here.
dual() {
    plain && scenario_address6 "$client" eth0 fd99::2 && scenario_address6 "$gateway" lan0 "$SCENARIO_GATEWAY_IP6"
}

# scenario_address6 NAMESPACE INTERFACE ADDRESS
scenario_address6() {
    ip netns exec "$1" sysctl -qw net.ipv6.conf.all.disable_ipv6=0 && ip -n "$1" address add "$3/64" dev "$2" nodad
}

no_route() { plain && ip -n "$client" route delete default; }

# The first interface leads to a network where no gateway is.
other_first() {
    ip -n "$client" link add eth1 type veth peer name none0 netns "$gateway" &&
        ip -n "$client" link set eth1 up && ip -n "$gateway" link set none0 up &&
        ip -n "$client" address add 10.98.0.2/24 dev eth1 &&
        no_route && ip -n "$client" route add default via 10.98.0.1
}

vpn() {
    no_route && ip -n "$client" link add vpn0 type veth peer name none0 netns "$gateway" &&
        ip -n "$gateway" link set none0 up && ip -n "$client" link set vpn0 up arp off multicast off &&
        ip -n "$client" address add 10.8.0.2/32 dev vpn0 && ip -n "$client" route add default dev vpn0
}

forbidden() {
    plain && ip netns exec "$client" nft -f - <<'RULES'
table inet forbidden {
    chain output {
        type filter hook output priority 0;
        udp dport 1900 drop
    }
}
RULES
}

# ---- one row, one class ---------------------------------------------------------------------------------

# scenario_job INDEX CLASS: leaves what came of it in $PROJECT/scenario/INDEX.CLASS, a line of `OUTCOME|MS`. Run in the
# background, as a shell of its own.
scenario_job() {
    set +e
    local name flow network base gateway client start status milliseconds
    # shellcheck disable=SC2034 # what the engine is run by, and for how long
    local SIMULATOR='' LIMIT_S=$SCENARIO_LIMIT_S WITHIN=()
    IFS='|' read -r _ name flow network _ <<<"${SCENARIOS[$1]}"
    base=$PROJECT/scenario/$1.$2
    if [[ $2 == engine && $SCENARIOS_OURS == *" $name "* ]]; then
        echo "–|0" >"$base"
        return
    fi
    gateway=$LAB_ID-$1-${2:0:1}g client=$LAB_ID-$1-${2:0:1}c
    trap scenario_down EXIT
    scenario_namespaces && "$network" && scenario_simulate || exit
    export PORTCULLIS_CLASS=$2 PORTCULLIS_FLOW=$flow PORTCULLIS_REBOOTED="res://scenario/$1.$2.rebooted"
    # shellcheck disable=SC2034 # as above
    WITHIN=(ip netns exec "$client")
    if [[ $flow == reboot ]]; then
        scenario_reboots 2>/dev/null &
    fi
    start=${EPOCHREALTIME/./} status=0
    (ulimit -d "$SCENARIO_MEMORY" && engine -- --scene lab/scenario) >"$base.log" 2>"$base.errors" || status=$?
    milliseconds=$(sed -n 's/^milliseconds //p' "$base.log")
    if ((status == 124)); then
        echo "not done in time|${SCENARIO_LIMIT_S}000" >"$base"
    elif ((status)); then
        echo "ends with $status|$(((${EPOCHREALTIME/./} - start) / 1000))" >"$base"
    else
        echo "$(sed -n 's/^outcome //p' "$base.log")|$milliseconds" >"$base"
    fi
}

scenario_namespaces() {
    local namespace
    for namespace in "$gateway" "$client"; do
        ip netns add "$namespace" && ip -n "$namespace" link set lo up || return
    done
}

scenario_simulate() {
    local tries
    # What one before it said would be taken for this one's.
    rm -f "$base.gateway"
    ip netns exec "$gateway" "$PROJECT/portcullis" simulate --json --scenario "$name" --on "$SCENARIO_GATEWAY_IP" \
        >"$base.gateway" 2>&1 </dev/null &
    SIMULATOR=$!
    for ((tries = 0; tries < 500; tries++)); do
        if grep -qs ssdp_address "$base.gateway"; then
            return
        elif ! kill -0 "$SIMULATOR" 2>/dev/null; then
            break
        fi
        sleep 0.02
    done
    cat "$base.gateway"
    return 1
}

# A power cut, when the script is there.
scenario_reboots() {
    trap - EXIT
    until grep -q '^reboot' "$base.log" 2>/dev/null; do
        sleep 0.02
    done
    stop_process "$SIMULATOR"
    scenario_simulate && touch "$base.rebooted"
    wait
}

scenario_down() {
    local namespace pid
    stop_process "$SIMULATOR"
    for namespace in "$gateway" "$client"; do
        [[ -e /run/netns/$namespace ]] || continue
        # What runs in a namespace made by us was started by us.
        for pid in $(ip netns pids "$namespace"); do
            kill -KILL "$pid" 2>/dev/null
        done
        ip netns delete "$namespace"
    done
}

# ---- all of them ----------------------------------------------------------------------------------------

# What stands in the way, or nothing.
scenarios_obstacle() {
    if [[ $(uname -s) != Linux || $(id -u) != 0 ]]; then
        echo "network namespaces need root on Linux"
    elif ! command -v ip >/dev/null || ! command -v nft >/dev/null; then
        echo "ip or nft is not installed"
    elif ! ip netns add "$LAB_ID-try" 2>/dev/null; then
        echo "this kernel or container refuses network namespaces"
    else
        ip netns delete "$LAB_ID-try"
    fi
}

# scenarios: runs them all, prints their table, and fails where ours did not do what it is to.
scenarios() {
    local index failed=0 class ended name first=() rest=()
    local -A running=()
    mkdir -p "$PROJECT/scenario"
    for index in "${!SCENARIOS[@]}"; do
        IFS='|' read -r _ name _ <<<"${SCENARIOS[$index]}"
        if [[ $SCENARIOS_FIRST == *" $name "* ]]; then
            first+=("$index")
        else
            rest+=("$index")
        fi
    done
    for index in "${first[@]}" "${rest[@]}"; do
        for class in engine ours; do
            if ((${#running[@]} >= SCENARIO_JOBS)); then
                # Of these alone: there may be others of the script's.
                wait -n -p ended "${!running[@]}" || true
                unset "running[$ended]"
            fi
            scenario_job "$index" "$class" &
            running[$!]=$index.$class
        done
    done
    wait "${!running[@]}" || true
    scenarios_again
    scenario_table || failed=1
    scenario_silence || failed=1
    return "$failed"
}

# scenarios_again: what the engine's class did otherwise than the text says it does once more, and alone: a loaded machine
# makes no other engine. Ours is judged by what it did at first.
scenarios_again() {
    local index
    scenario_table >"$PROJECT/scenarios.once" 2>/dev/null || true
    for index in $(python3 tools/tables.py engine "$TEXT" scenarios "$PROJECT/scenarios.once"); do
        scenario_job "$index" engine &
        wait "$!" || true
    done
}

scenario_table() {
    local index failed=0
    echo "| | gateway | Godot $ENGINE_VERSION | takes | ours | takes | |"
    echo "|---|---|---|---|---|---|---|"
    for index in "${!SCENARIOS[@]}"; do
        scenario_row "$index" || failed=1
    done
    return "$failed"
}

# scenario_row INDEX: its line of the table; what is wrong with ours goes to standard error.
scenario_row() {
    local issue name what expected most engine engine_ms ours ours_ms remark
    IFS='|' read -r issue name _ _ what expected most <<<"${SCENARIOS[$1]}"
    IFS='|' read -r engine engine_ms <"$PROJECT/scenario/$1.engine" || engine="could not be run" engine_ms=0
    IFS='|' read -r ours ours_ms <"$PROJECT/scenario/$1.ours" || ours="could not be run" ours_ms=0
    if [[ $engine == – ]]; then
        remark="only ours was run"
    elif [[ $ours == opened* && $engine != opened* ]]; then
        remark="only ours opens it"
    elif [[ $ours != "$engine" ]]; then
        remark=differs
    elif ((engine_ms > ours_ms + 400)); then
        remark="same, sooner"
    elif ((ours_ms > engine_ms + 400)); then
        remark="same, later"
    else
        remark=same
    fi
    echo "| $issue | \`$name\`: $what | $engine | $(scenario_time "$engine" "$engine_ms") | $ours | $(scenario_time "$ours" "$ours_ms") | $remark |"
    if [[ $ours != "$expected" ]]; then
        echo "FAILED scenario $name: $ours, not $expected" >&2
        return 1
    elif ((ours_ms > most)); then
        echo "FAILED scenario $name: $ours_ms ms, more than $most" >&2
        return 1
    fi
}

scenario_time() {
    if [[ $1 == – ]]; then
        echo –
    elif [[ $1 == "not done in time" ]]; then
        echo "> $SCENARIO_LIMIT_S s"
    else
        printf '%d.%d s' $((($2 + 50) / 1000)) $((($2 + 50) % 1000 / 100))
    fi
}

# G30: who prints anything where the network fails. What the engine prints by itself is not counted.
scenario_silence() {
    local class outcome=() failed=0 bare=$PROJECT/bare
    mkdir "$bare"
    printf 'config_version=5\n[application]\nrun/main_scene="res://nothing.tscn"\n' >"$bare/project.godot"
    printf '[gd_scene format=3]\n\n[node name="Nothing" type="Node"]\n' >"$bare/nothing.tscn"
    if ! PROJECT=$bare engine --quit >"$bare/log" 2>"$bare/errors"; then
        cat "$bare/log" "$bare/errors" >&2
        failed=1
    fi
    for class in engine ours; do
        if grep -qvxFf "$bare/errors" "$PROJECT"/scenario/*."$class".errors; then
            outcome+=("prints errors")
        else
            outcome+=("prints nothing")
        fi
    done
    # BAD is what must not be in any log of ours; mistakes of the script itself would spoil the engine's rows as well.
    if grep -vxFf "$bare/errors" "$PROJECT"/scenario/*.ours.errors >&2 ||
        grep -E "^ERROR|$BAD" "$PROJECT"/scenario/*.ours.log >&2 ||
        grep -E 'SCRIPT ERROR|Parse Error' "$PROJECT"/scenario/*.{log,errors} >&2; then
        failed=1
    fi
    echo "| G30 | all of these | ${outcome[0]} | | ${outcome[1]} | | |"
    return "$failed"
}
