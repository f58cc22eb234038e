# shellcheck shell=bash
# shellcheck disable=SC2034 # some variables are for the other sourced files
# miniupnpd of other Debian releases, each in a root of its own that is made once and kept under the build's directory.

LAB_RELEASES=(trixie sid)
# What `gateway_start` runs: the root of a release, or nothing for this machine's own.
LAB_ROOT=

roots_folder() { echo "${TARGET:-$LAB_HERE/../target}/lab/daemons"; }

# root_make RELEASE: in LAB_ROOT. A half-made one is not mistaken for a whole one. Where there is none to be had, says why.
root_make() {
    local folder unfinished
    folder=$(roots_folder)
    if [[ ! -d $folder/$1 ]]; then
        command -v debootstrap >/dev/null || { echo "debootstrap is not installed"; return 1; }
        mkdir -p "$folder" && unfinished=$(mktemp -d "$folder/unfinished.XXXXXX") || return
        if ! debootstrap --variant=minbase --include=miniupnpd-nftables "$1" "$unfinished" >"$folder/$1.log" 2>&1; then
            echo "debootstrap failed: $(tail -n 1 "$folder/$1.log")"
            rm -rf "$unfinished"
            return 1
        fi
        chmod 755 "$unfinished" && mv "$unfinished" "$folder/$1" || return
    fi
    LAB_ROOT=$(realpath "$folder/$1")
}

root_version() { chroot "$LAB_ROOT" miniupnpd --version | sed -nE 's/^miniupnpd ([0-9.]+).*/\1/p'; }
