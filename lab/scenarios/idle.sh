# shellcheck shell=bash
# shellcheck disable=SC2034 # NOTE is printed by `proof`
# What a hundred mappings cost while nothing happens.

# Of watching, in seconds; longer with --record.
WATCHED=60

scenario_idle() {
    local method most
    ((LONG)) && WATCHED=120
    for method in pcp igd; do
        # miniupnpd announces itself every 30 s, with some thirty datagrams; each wakes whoever listens. Routers do so
        # every quarter or half of an hour.
        gateway_renew v2 notify_interval=1800 || return
        # Two beyond what is due, and of UPnP the look each minute, which takes connections.
        most=2
        [[ $method == igd ]] && most=3
        proof "$method: keeping 100 mappings, $most wake-ups a minute at most" idle_wakes_up "$method" "$most"
    done
}

idle_wakes_up() {
    local ports wakes rss_kb
    mapfile -t ports < <(seq -f '%.0f/udp' 23001 23100)
    keep_start idle --timeout 20000 --protocol "$1" --lifetime 2h "${ports[@]}" && await 10000 told idle mapped . 100 || return
    # What follows the opening is not idling.
    sleep 5
    read -r wakes rss_kb < <(python3 "$LAB_HERE/idle.py" "${KEPT[idle]}" "$WATCHED") || return
    NOTE="$wakes wake-ups in $WATCHED s, $((rss_kb / 1024)).$((rss_kb % 1024 * 10 / 1024)) MiB resident"
    record idle "$1" "$wakes" "$WATCHED" "$rss_kb"
    keep_stop idle && ((wakes * 60 <= $2 * WATCHED))
}
