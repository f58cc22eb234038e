## One scenario through one of the two classes: prints what came of it and how long it took.
##
## The environment says which: PORTCULLIS_CLASS is `engine` or `ours`, PORTCULLIS_FLOW one of the methods below. A flow
## gives the outcome as text; it may set `milliseconds`, else all of it counts.
extends Node

const PORT := 7777
## The simulated gateway's own, whose table is read where the outcome is to be checked.
const GATEWAY := "10.99.0.1"
var milliseconds := -1


func _ready() -> void:
	var flow := OS.get_environment("PORTCULLIS_FLOW")
	var started := Time.get_ticks_msec()
	@warning_ignore("redundant_await")
	var outcome: String = await call(flow)
	if milliseconds < 0:
		milliseconds = Time.get_ticks_msec() - started
	print("outcome %s" % outcome)
	print("milliseconds %d" % milliseconds)
	get_tree().quit()


## What every game does that hosts.
func host() -> String:
	return _host(_new())


## The same, for ten minutes.
func lease() -> String:
	return _host(_new(), 600)


## For two weeks, which is more than the specification's longest lease.
func fortnight() -> String:
	var outcome := _host(_new(), 14 * 24 * 3600)
	return outcome if outcome != "opened" else "opened for %d h" % ceili(_entry().lease_duration / 3600.0)


## A router that asks its user first; the player tries again a little later.
func approved() -> String:
	var upnp := _new()
	var first := _host(upnp)
	await get_tree().create_timer(1.5).timeout
	var later: String = _result(upnp.add_port_mapping(PORT))
	if later == "opened" and _entry() == null:
		later = "said to be open, and is not"
	return "%s; once approved: %s" % [first, later]


## The same, and asks for the external address.
func address() -> String:
	var upnp := _new()
	var outcome := _host(upnp)
	if outcome != "opened":
		return outcome
	var told: String = upnp.query_external_address()
	return "opened; no address" if told.is_empty() else "opened; address `%s`" % told


## A device that is no gateway is not to be taken for one.
func everything() -> String:
	var upnp := _new()
	var result: int = upnp.discover(2000, 2, "MediaServer")
	if result != 0:
		return "`discover()` gives %d" % result
	return "%d listed, %s" % [upnp.get_device_count(), "one a gateway" if upnp.get_gateway() != null else "no gateway"]


## A router that has another computer's mapping, and then ours.
func taken() -> String:
	var upnp := _new()
	var first := _host(upnp)
	return "%s; once more: %s" % [first, _result(upnp.add_port_mapping(PORT))]


## What is left of descriptions that games are called by.
func descriptions() -> String:
	var upnp := _new()
	upnp.discover()
	var gateway: RefCounted = upnp.get_gateway()
	var kept: PackedStringArray = []
	var texts := {"`Tom & Jerry <3`": "Tom & Jerry <3", "`1 > 0`": "1 > 0", "`\"'é🎲`": "\"'é🎲"}
	for length in [250, 300, 3000]:
		texts["%d letters" % length] = "x".repeat(length)
	for text in texts:
		var result: int = gateway.add_port_mapping(PORT, 0, texts[text])
		var outcome := "refused: %d" % result
		if result == 0:
			var kept_text: String = _entry().description
			outcome = "kept" if kept_text == texts[text] else "shortened" if texts[text].begins_with(kept_text) else "spoilt"
		kept.append("%s %s" % [text, outcome])
		upnp.delete_port_mapping(PORT)
	return ", ".join(kept)


## Four ways to say through which interface.
func interfaces() -> String:
	var outcomes: PackedStringArray = []
	var longest := 0
	for text in ["eth0", "10.99.0.2", "0.0.0.0", "no such"]:
		var upnp := _new()
		upnp.discover_multicast_if = text
		var started := Time.get_ticks_msec()
		var result: int = upnp.discover()
		longest = maxi(longest, Time.get_ticks_msec() - started)
		outcomes.append("`%s` %d" % [text, result])
	milliseconds = longest
	return ", ".join(outcomes)


## The player leaves while the game still searches, in a thread as the engine's manual teaches.
func leave() -> String:
	var upnp := _new()
	var thread := Thread.new()
	thread.start(func() -> int: return upnp.discover())
	await get_tree().create_timer(0.3).timeout
	var started := Time.get_ticks_msec()
	if upnp.has_method("cancel"):
		upnp.call("cancel")
	thread.wait_to_finish()
	milliseconds = Time.get_ticks_msec() - started
	return "the thread has ended"


## Eight objects made and used in eight threads at once.
func threads() -> String:
	var running: Array[Thread] = []
	for index in 8:
		var thread := Thread.new()
		thread.start(func() -> int: return _new().discover())
		running.append(thread)
	var found := 0
	for thread in running:
		found += int(thread.wait_to_finish() == 0)
	return "%d of 8 found it" % found


## The gateway restarts at another port meanwhile, and has forgotten everything.
func reboot() -> String:
	var upnp := _new()
	var first := _host(upnp)
	var mark := OS.get_environment("PORTCULLIS_REBOOTED")
	print("reboot")
	while not FileAccess.file_exists(mark):
		await get_tree().process_frame
	var started := Time.get_ticks_msec()
	var stale: String = _result(upnp.add_port_mapping(PORT))
	milliseconds = Time.get_ticks_msec() - started
	return "%s; after the restart: %s; after another search: %s" % [first, stale, _host(upnp)]


## Searches, opens the port, and looks whether it is open.
func _host(upnp: RefCounted, duration := 0) -> String:
	var started := Time.get_ticks_msec()
	var result: int = upnp.discover()
	milliseconds = Time.get_ticks_msec() - started
	if result != 0:
		return "`discover()` gives %d" % result
	if upnp.get_device_count() == 0:
		return "`discover()` gives 0, nothing is listed"
	if upnp.get_gateway() == null:
		return "no valid gateway: status %d" % upnp.get_device(0).igd_status
	result = upnp.add_port_mapping(PORT, 0, "A game of towers", "UDP", duration)
	milliseconds = Time.get_ticks_msec() - started
	if result != 0:
		return "refused: %d" % result
	return "opened" if _entry() != null else "said to be open, and is not"


func _new() -> RefCounted:
	return UPNP.new() if OS.get_environment("PORTCULLIS_CLASS") == "engine" else PortcullisUPNP.new()


func _result(result: int) -> String:
	return "opened" if result == 0 else str(result)


## Our mapping, as the gateway has it; null where there is none. Not asked of what is judged.
func _entry() -> Variant:
	var witness := PortcullisUPNP.new()
	witness.gateway = GATEWAY
	witness.discover()
	if witness.get_gateway() == null:
		return null
	var entry: Dictionary = witness.get_gateway().get_specific_port_mapping(PORT)
	if entry.get("internal_client") != "10.99.0.2":
		return null
	return entry
