## What a programmer does wrong: the same results and the same lines from both classes.
extends "res://suite.gd"

## What `get_gateway` prints in the engine where the list is empty. That is no mistake of a programmer's, so ours is
## silent there.
const NO_DEVICES := "Couldn't find any UPNPDevices."
const NOT_VALID := "The Internet Gateway Device must be valid."
const NOT_DELETED := "Couldn't delete port mapping."


func lists() -> void:
	_same_in_both(func(upnp: RefCounted, device: RefCounted) -> Array:
		var results := [upnp.get_device_count(), upnp.get_device(0), upnp.get_device(-1)]
		upnp.add_device(null)
		upnp.set_device(2, null)
		upnp.remove_device(0)
		upnp.add_device(device)
		upnp.add_device(device)
		results.append_array([upnp.get_device_count(), upnp.get_device(1) == device])
		upnp.set_device(0, null)
		upnp.set_device(2, device)
		upnp.remove_device(7)
		upnp.remove_device(0)
		results.append_array([upnp.get_device_count(), upnp.get_device(0) == device])
		upnp.clear_devices()
		results.append(upnp.get_device_count())
		return results)


func searches() -> void:
	_same_in_both(func(upnp: RefCounted, device: RefCounted) -> Array:
		upnp.add_device(device)
		var results := [
			upnp.discover(-1), upnp.discover(-1, -1), upnp.discover(0, -1), upnp.discover(0, 256),
			upnp.discover(0x1_8000_0000), upnp.get_device_count(),
		]
		return results)


func gateways() -> void:
	_same_in_both(func(upnp: RefCounted, device: RefCounted) -> Array:
		var results := [
			upnp.get_gateway(), upnp.query_external_address(), upnp.add_port_mapping(0),
			upnp.delete_port_mapping(0, "no protocol"),
		]
		upnp.add_device(device)
		results.append_array([upnp.get_gateway(), upnp.add_port_mapping(0), upnp.query_external_address()])
		device.igd_status = 0
		results.append_array([upnp.get_gateway() == device, upnp.add_port_mapping(0)])
		return results, [NO_DEVICES, NOT_VALID])


func mappings() -> void:
	_same_in_both(func(_upnp: RefCounted, device: RefCounted) -> Array:
		var results := [
			device.is_valid_gateway(), device.add_port_mapping(0, -1, "", "", -1), device.query_external_address(),
			device.delete_port_mapping(0, ""), device.delete_port_mapping(1, "udp"), device.delete_port_mapping(1),
		]
		device.igd_status = 0
		results.append_array([
			device.is_valid_gateway(),
			device.add_port_mapping(0), device.add_port_mapping(65536), device.add_port_mapping(-1),
			device.add_port_mapping(1, -1), device.add_port_mapping(1, 65536),
			device.add_port_mapping(1, 0, "", "udp", -1), device.add_port_mapping(1, 0, "", "TCP ", 0),
			device.add_port_mapping(1, 0, "", "TCP", -1), device.add_port_mapping(0x1_0000_0000),
		])
		return results, [NOT_VALID, NOT_DELETED])


func setters_store_anything() -> void:
	_same_in_both(func(upnp: RefCounted, device: RefCounted) -> Array:
		upnp.discover_local_port = -5
		upnp.discover_multicast_if = "no such thing"
		upnp.discover_ipv6 = true
		device.igd_status = 77
		var results := [
			upnp.discover_local_port, upnp.discover_multicast_if, upnp.discover_ipv6, device.igd_status,
			device.is_valid_gateway(),
		]
		upnp.discover_local_port = 0x1_0000_0001
		results.append(upnp.discover_local_port)
		for property in ["description_url", "service_type", "igd_control_url", "igd_service_type", "igd_our_addr"]:
			device.set(property, "é\n<&>")
			results.append(device.get(property))
		return results)


func what_is_no_gateway_is_said_once() -> void:
	var object := PortcullisUPNP.new()
	object.gateway = "not an address"
	same(object.gateway, "")
	same(object.add_device_from_url("ftp://127.0.0.1/"), PortcullisUPNP.UPNP_RESULT_INVALID_PARAM)
	printed_only([
		"The gateway must be an IP address, with a port or without, or an http URL, not \"not an address\".",
		"The URL must be an http URL whose host is an IP address.",
	])


## Calls with the engine's objects and with ours; `silent` lists what only the engine's class prints.
func _same_in_both(calls: Callable, silent := []) -> void:
	printed()
	# No object is null, whether or not its type is known.
	var plain := func(value: Variant) -> Variant: return null if value == null else value
	var expected: Array = calls.call(UPNP.new(), UPNPDevice.new()).map(plain)
	var expected_lines := Array(printed()).filter(func(line: String) -> bool: return line not in silent)
	same(calls.call(PortcullisUPNP.new(), PortcullisUPNPDevice.new()).map(plain), expected, "results")
	printed_only(expected_lines)
