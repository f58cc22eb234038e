# shellcheck shell=bash
# The addon as ./package-addon packs it: the lobby hosts with it, and a game that has it is exported. Sourced by run, which
# has the engine.

package_tests() {
    local failed=0 addons
    selected lobby || selected export || return 0
    if ! ./package-addon --folder >"$PROJECT/log" 2>&1; then
        echo "FAILED package"
        tail -n 40 "$PROJECT/log"
        return 1
    fi
    addons=$(tail -n 1 "$PROJECT/log")
    if selected lobby; then
        lobby_test "$addons" || failed=1
    fi
    if selected export; then
        export_test "$addons" || failed=1
    fi
    return "$failed"
}

# lobby_test ADDONS: the example, as the project that it is in the repository and as the scene that it is in the addon.
lobby_test() {
    local game=$PROJECT/lobby scene status
    mkdir "$game" "$game/.godot"
    cp -R examples/godot-lobby/. "$game"
    # Whoever tries the example has a link there.
    rm -rf "$game/addons"
    cp -R "$1" "$game/addons"
    cp crates/portcullis-godot/itest/visitor/visitor.* "$game"
    echo res://addons/portcullis/portcullis.gdextension >"$game/.godot/extension_list.cfg"
    for scene in lobby.tscn addons/portcullis/examples/lobby.tscn; do
        simulate igd1
        status=0
        PROJECT=$game engine res://visitor.tscn -- "--scene=res://$scene" "--gateway=$PORTCULLIS_GATEWAY" \
            >"$PROJECT/log" 2>&1 || status=$?
        stop_simulator
        if ((status)) || ! grep -q '^the visitor is content' "$PROJECT/log" || grep -qE "$BAD|^ERROR" "$PROJECT/log"; then
            echo "FAILED lobby: $scene"
            cat "$PROJECT/log"
            return 1
        fi
        echo "ok     lobby: $scene hosts, and stops"
    done
}

# Where the template is that games are exported with; nothing where there is none.
template() {
    local packaged=/usr/bin/godot-template-release
    if [[ -n ${GODOT:-} ]]; then
        echo "${GODOT_TEMPLATE:-}"
        return
    fi
    [[ -e $CHROOT$packaged ]] || chroot "$CHROOT" apt-get install -y --no-install-recommends godot-template-release \
        >"$PROJECT/log" 2>&1 || true
    [[ ! -e $CHROOT$packaged ]] || echo "$packaged"
}

# export_test ADDONS: a game with the addon in it is exported as its manifest says, and run by itself.
export_test() {
    local game=$PROJECT/export template status=0
    # The engine sees nothing outside of its chroot, and needs /proc to find what lies beside a game.
    # shellcheck disable=SC2016 # expanded by the inner shell
    local inside=(unshare --mount bash -c 'mount -t proc proc "$0/proc" && exec chroot "$0" "$@"' "$CHROOT")
    template=$(template)
    if [[ $(uname -sm) != "Linux x86_64" || -z $template ]]; then
        echo "skipped export: needs Linux on x86_64 and a template (Debian's godot-template-release, or GODOT_TEMPLATE)"
        return
    fi
    if [[ -n ${GODOT:-} ]]; then
        inside=(env)
    elif ! unshare --mount true 2>/dev/null; then
        echo "skipped export: this kernel or container refuses mounts"
        return
    fi
    mkdir -p "$game/out" "$game/.godot"
    cp -R "$1" "$game/addons"
    sed -i "s|TEMPLATE|$template|" "$game/export_presets.cfg"
    echo res://addons/portcullis/portcullis.gdextension >"$game/.godot/extension_list.cfg"
    PROJECT=$game engine --export-release Linux out/game.x86_64 >"$PROJECT/log" 2>&1 || status=$?
    simulate igd1
    ((status)) || timeout --kill-after 5 "$LIMIT_S" "${inside[@]}" "${game#"$CHROOT"}/out/game.x86_64" --headless \
        >>"$PROJECT/log" 2>&1 || status=$?
    stop_simulator
    if ((status)) || ! grep -q '^exported for players' "$PROJECT/log" ||
        [[ -n $(find "$game/out" -name '*.editor.*') ]]; then
        echo "FAILED export"
        ls "$game/out"
        tail -n 40 "$PROJECT/log"
        return 1
    fi
    echo "ok     an exported game has the library beside it, and opens a port"
}
