# shellcheck shell=bash
# shellcheck disable=SC2034 # PROOF_PLACE is printed by `proof`
# miniupnpd of other Debian releases (see roots.sh): what is proved on this machine's holds on theirs.

scenario_daemons() {
    local release group
    for release in "${LAB_RELEASES[@]}"; do
        # Not in a shell of its own: it leaves where the root is.
        if root_make "$release" >"$LAB_DIR/root"; then
            # What takes longest is first.
            for group in closing_renewed_pinhole daemon_paths scenario_undo closing_beside_gateway journal_beside_gateway; do
                proofs_aside "$release-$group" daemon_proves "$LAB_ROOT" "$group"
            done
        else
            skipped "miniupnpd of Debian $release" "$(<"$LAB_DIR/root")"
        fi
        LAB_ROOT=
    done
    proofs_join
}

# daemon_proves ROOT FUNCTION
daemon_proves() {
    LAB_ROOT=$1
    PROOF_PLACE="miniupnpd $(root_version): "
    "$2"
}

daemon_paths() { whole_path v1 && whole_path v2; }
