# shellcheck shell=bash
# shellcheck disable=SC2034 # NOTE is printed by `proof`
# Media servers and renderers, as Debian has them, beside the gateway: they answer each search for root devices, and are
# none that opens a port.

DEVICES=(minidlna gerbera rygel gmediarender)
# How much longer `open` may take beside one, in milliseconds: the packets of both share one machine.
DEVICE_COSTS=30

scenario_devices() {
    local device alone_ms
    gateway_renew v2 && alone_ms=$(open_takes) || return
    for device in "${DEVICES[@]}"; do
        if ! command -v "$(device_program "$device")" >/dev/null; then
            skipped "$device" "$(device_program "$device") is not installed"
            continue
        fi
        if ! { device_start "$device" && gateway_renew v2; }; then
            device_stop
            return 1
        fi
        proof "$device: it is found, and is no gateway" device_is_found
        proof "$device: the port is opened as fast as without it" device_costs_nothing "$alone_ms"
        gateway_stop
        proof "$device: where the router is silent, that is told, and of whom an answer came" device_is_not_blamed
        device_stop
    done
}

device_program() { if [[ $1 == minidlna ]]; then echo minidlnad; else echo "$1"; fi; }

# In a directory of its own, as nobody that the host knows.
device_start() {
    local home=$LAB_DIR/device run
    rm -rf "$home" && mkdir -p "$home/media" || return
    case $1 in
        minidlna)
            printf '%s\n' "network_interface=eth0" "media_dir=$home/media" "db_dir=$home" "log_dir=$home" "port=8200" \
                "friendly_name=Living room" "inotify=no" >"$home/minidlna.conf"
            run=(minidlnad -S -f "$home/minidlna.conf" -P "$home/minidlna.pid")
            ;;
        gerbera)
            run=(gerbera --home "$home" --cfgdir config --interface eth0 --port 49494)
            ;;
        rygel)
            printf '%s\n' "[general]" "interface=eth0" "[MediaExport]" "enabled=true" "title=Living room" \
                "uris=$home/media" >"$home/rygel.conf"
            run=(env "HOME=$home" "XDG_CONFIG_HOME=$home" dbus-run-session -- rygel --config="$home/rygel.conf")
            ;;
        gmediarender)
            run=(gmediarender --interface-name eth0 --friendly-name "Living room")
            ;;
    esac
    beside device "$LAB_DEVICE" "${run[@]}" && await 15000 device_answers && return
    cat "$LAB_DIR/device.log"
    return 1
}

device_answers() { pcl --json --timeout 500 discover --all >/dev/null; grep -q "$LAB_DEVICE_IP" "$LAB_DIR/stdout"; }

# What it has started itself does not end with it.
device_stop() {
    local pid
    beside_stop
    for pid in $(ip netns pids "$LAB_DEVICE"); do
        kill -KILL "$pid"
    done
    await 2000 device_is_gone
}

device_is_gone() { [[ -z $(ip netns pids "$LAB_DEVICE") ]]; }

device_is_found() {
    pcl --json --timeout 2000 discover --all && status_is 0 &&
        json "any('$LAB_DEVICE_IP' in device['location'] and not device['gateway'] for device in devices)"
}

# The median time of `open` by UPnP, in milliseconds.
open_takes() {
    local round times=()
    for round in {1..7}; do
        pcl open $((7850 + round))/udp --protocol igd >/dev/null && status_is 0 || return
        times+=($((PCL_US / 1000)))
    done
    median "${times[@]}"
}

device_costs_nothing() {
    local beside_ms
    beside_ms=$(open_takes) && NOTE="$beside_ms ms, alone $1 ms" && ((beside_ms <= $1 + DEVICE_COSTS))
}

device_is_not_blamed() {
    pcl --timeout 2500 open 7860/udp && status_is 3 && says "$LAB_ROUTER_IP: search: no answer.*others that answered: .*$LAB_DEVICE_IP"
}
