## The same calls through the engine's classes and through ours, on one real gateway: prints a table, and ends with 1
## where they differ in what is not meant to. What Godot 3 said to them before is read from a file, where there is one.
extends Node

## What differs on purpose, by the row, and why.
const DIFFERS := {
	"what the gateway calls the mapping": "an empty description is ours, not the library's beneath the engine",
	"discover(500, 2, \"no such thing\")": "nothing found is NO_DEVICES (godot#70458)",
	"devices listed for \"rootdevice\"": "the engine takes the answers to the first target that brings any",
}
## The row of a time, and what ours has to stay under, in milliseconds.
const TIME := "what it takes"
const LONGEST := 170

var _failed := 0


func _ready() -> void:
	# One after the other: they may not see each other's mappings.
	var engines := _rows(UPNP.new(), UPNPDevice.new())
	var ours := _rows(PortcullisUPNP.new(), PortcullisUPNPDevice.new())
	var older := _godot3()
	print("| call | %sGodot %s | ours | |" % [older.get("", ""), OS.get_environment("PORTCULLIS_ENGINE")])
	print("|---|---|---|---|" + ("" if older.is_empty() else "---|"))
	for row in engines:
		var before: String = "" if older.is_empty() else older.get(row, "–") + " | "
		_compare(row, before, engines[row], ours[row])
	print("%d rows, %d differ without a reason" % [engines.size(), _failed])
	get_tree().quit(1 if _failed > 0 else 0)


## The values of every row, by name; `bare` is a device that no search has found.
func _rows(upnp: RefCounted, bare: RefCounted) -> Dictionary:
	var rows := {}
	rows["bare.igd_status"] = bare.igd_status
	rows["bare.add_port_mapping(0)"] = bare.add_port_mapping(0)
	rows["bare.query_external_address()"] = bare.query_external_address()
	rows["bare.delete_port_mapping(0)"] = bare.delete_port_mapping(0)
	rows["bare.delete_port_mapping(1, \"udp\")"] = bare.delete_port_mapping(1, "udp")
	rows["bare.delete_port_mapping(1)"] = bare.delete_port_mapping(1)
	bare.igd_status = 0
	rows["`bare.is_valid_gateway()` after `bare.igd_status = 0`"] = bare.is_valid_gateway()
	rows["`bare.add_port_mapping(0)` then"] = bare.add_port_mapping(0)
	rows["`bare.add_port_mapping(1, -1)` then"] = bare.add_port_mapping(1, -1)
	rows["`bare.add_port_mapping(1, 0, \"\", \"udp\")` then"] = bare.add_port_mapping(1, 0, "", "udp")
	rows["`bare.add_port_mapping(1, 0, \"\", \"UDP\", -1)` then"] = bare.add_port_mapping(1, 0, "", "UDP", -1)
	rows["`bare.add_port_mapping(1)` then"] = bare.add_port_mapping(1)
	var started := Time.get_ticks_msec()
	rows["discover()"] = upnp.discover()
	rows[TIME] = Time.get_ticks_msec() - started
	rows["get_device_count()"] = upnp.get_device_count()
	var device: RefCounted = upnp.get_gateway()
	if device == null:
		return rows
	for property in ["description_url", "service_type", "igd_control_url", "igd_service_type", "igd_our_addr",
			"igd_status"]:
		rows[property] = device.get(property)
	rows["is_valid_gateway()"] = device.is_valid_gateway()
	rows["get_device(0) == get_gateway()"] = upnp.get_device(0) == device
	rows["query_external_address()"] = upnp.query_external_address()
	rows["device.query_external_address()"] = device.query_external_address()
	rows["add_port_mapping(7777)"] = upnp.add_port_mapping(7777)
	rows["what the gateway calls the mapping"] = _described(device, 7777, "UDP")
	rows["the same again"] = upnp.add_port_mapping(7777)
	rows["add_port_mapping(7778, 7779, \"Tom + Jerry\", \"TCP\", 3600)"] = \
			upnp.add_port_mapping(7778, 7779, "Tom + Jerry", "TCP", 3600)
	rows["what the gateway calls that"] = _described(device, 7778, "TCP")
	rows["device.add_port_mapping(7780, 0, \"game\", \"UDP\", 60)"] = \
			device.add_port_mapping(7780, 0, "game", "UDP", 60)
	rows["delete_port_mapping(7777)"] = upnp.delete_port_mapping(7777)
	rows["delete_port_mapping(7777) again"] = upnp.delete_port_mapping(7777)
	rows["delete_port_mapping(7778, \"TCP\")"] = upnp.delete_port_mapping(7778, "TCP")
	rows["device.delete_port_mapping(7780)"] = device.delete_port_mapping(7780)
	for port in [0, -1, 65536]:
		rows["add_port_mapping(%d)" % port] = upnp.add_port_mapping(port)
		rows["delete_port_mapping(%d)" % port] = upnp.delete_port_mapping(port)
	rows["add_port_mapping(1, 65536)"] = upnp.add_port_mapping(1, 65536)
	rows["add_port_mapping(1, -1)"] = upnp.add_port_mapping(1, -1)
	rows["add_port_mapping(1, 0, \"\", \"udp\")"] = upnp.add_port_mapping(1, 0, "", "udp")
	rows["add_port_mapping(1, 0, \"\", \"UDP\", -1)"] = upnp.add_port_mapping(1, 0, "", "UDP", -1)
	rows["delete_port_mapping(1, \"udp\")"] = upnp.delete_port_mapping(1, "udp")
	rows["discover(-1)"] = upnp.discover(-1)
	rows["discover(2000, 256)"] = upnp.discover(2000, 256)
	rows["discover(2000, -1)"] = upnp.discover(2000, -1)
	rows["devices listed after that"] = upnp.get_device_count()
	rows["get_device(-1)"] = upnp.get_device(-1)
	rows["get_device(1)"] = upnp.get_device(1)
	upnp.add_device(null)
	rows["devices listed after `add_device(null)`"] = upnp.get_device_count()
	upnp.set_device(1, bare)
	upnp.set_device(0, null)
	rows["`get_device(0)` is the same after `set_device(1, bare)` and `set_device(0, null)`"] = upnp.get_device(0) == device
	upnp.remove_device(1)
	upnp.remove_device(-1)
	rows["devices listed after `remove_device(1)` and `remove_device(-1)`"] = upnp.get_device_count()
	upnp.add_device(device)
	rows["devices listed after `add_device(get_device(0))`"] = upnp.get_device_count()
	upnp.remove_device(1)
	upnp.discover_multicast_if = "eth0"
	rows["discover(1000) through \"eth0\""] = upnp.discover(1000)
	upnp.discover_multicast_if = "no such interface"
	rows["discover(1000) through \"no such interface\""] = upnp.discover(1000)
	rows["devices listed after it"] = upnp.get_device_count()
	upnp.discover_multicast_if = ""
	rows["discover(2000, 2, \"rootdevice\")"] = upnp.discover(2000, 2, "rootdevice")
	rows["devices listed for \"rootdevice\""] = upnp.get_device_count()
	rows["discover(500, 2, \"no such thing\")"] = upnp.discover(500, 2, "no such thing")
	rows["get_gateway() while nothing is listed"] = upnp.get_gateway()
	rows["add_port_mapping(7777) without a gateway"] = upnp.add_port_mapping(7777)
	upnp.discover_ipv6 = true
	rows["discover() over IPv6"] = upnp.discover()
	rows["devices listed over IPv6"] = upnp.get_device_count()
	rows["add_port_mapping(7777) over IPv6"] = upnp.add_port_mapping(7777)
	return rows


## The values of the rows that Godot 3 has, as they are shown; its name under the empty one.
func _godot3() -> Dictionary:
	var rows := {}
	var file := OS.get_environment("PORTCULLIS_GODOT3")
	if not file.is_empty():
		rows[""] = "Godot %s | " % OS.get_environment("PORTCULLIS_GODOT3_VERSION")
		for line in FileAccess.get_file_as_string(file).split("\n"):
			var parts := line.split("\t")
			if parts.size() == 3 and parts[0] == "row":
				rows[parts[1]] = parts[2]
	return rows


func _compare(row: String, before: String, engine: Variant, ours: Variant) -> void:
	var remark := "same"
	if row == TIME:
		remark = "under %d ms" % LONGEST
		if ours >= LONGEST:
			remark = "**too slow**: %d ms" % ours
			_failed += 1
	elif _shown(engine) != _shown(ours):
		remark = DIFFERS.get(row, "")
		if remark.is_empty():
			remark = "**different**"
			_failed += 1
	elif before.trim_suffix(" | ") not in ["", "–", _shown(engine)]:
		remark = "same; %s differs" % OS.get_environment("PORTCULLIS_GODOT3_VERSION")
	var is_prose := row.contains("`") or (row.contains(" ") and not row.contains("("))
	var name := row if is_prose else "`%s`" % row
	print("| %s | %s%s | %s | %s |" % [name, before, _shown(engine, row), _shown(ours, row), remark])


func _shown(value: Variant, row := "") -> String:
	if row == TIME:
		return "%.2f s" % (value / 1000.0)
	if value is String and value.is_empty():
		return "`\"\"`"
	return "null" if value == null else "`%s`" % value


## Asks the gateway, through a device of ours, for the description of a mapping.
func _described(device: RefCounted, port: int, protocol: String) -> String:
	var own := PortcullisUPNPDevice.new()
	for property in ["igd_control_url", "igd_service_type", "igd_our_addr", "igd_status"]:
		own.set(property, device.get(property))
	return own.get_specific_port_mapping(port, protocol).get("description", "")
