# The rows of side_by_side.gd that Godot 3 has, in its own language: one line for each, `NAME<tab>VALUE`.
extends SceneTree


func _init():
	var upnp = UPNP.new()
	var bare = UPNPDevice.new()
	tell("bare.igd_status", bare.igd_status)
	tell("bare.add_port_mapping(0)", bare.add_port_mapping(0))
	tell("bare.query_external_address()", bare.query_external_address())
	tell("bare.delete_port_mapping(0)", bare.delete_port_mapping(0))
	tell("bare.delete_port_mapping(1, \"udp\")", bare.delete_port_mapping(1, "udp"))
	tell("bare.delete_port_mapping(1)", bare.delete_port_mapping(1))
	bare.igd_status = 0
	tell("`bare.is_valid_gateway()` after `bare.igd_status = 0`", bare.is_valid_gateway())
	tell("`bare.add_port_mapping(0)` then", bare.add_port_mapping(0))
	tell("`bare.add_port_mapping(1, -1)` then", bare.add_port_mapping(1, -1))
	tell("`bare.add_port_mapping(1, 0, \"\", \"udp\")` then", bare.add_port_mapping(1, 0, "", "udp"))
	tell("`bare.add_port_mapping(1, 0, \"\", \"UDP\", -1)` then", bare.add_port_mapping(1, 0, "", "UDP", -1))
	tell("`bare.add_port_mapping(1)` then", bare.add_port_mapping(1))
	var started = OS.get_ticks_msec()
	tell("discover()", upnp.discover())
	print("row\twhat it takes\t%.2f s" % ((OS.get_ticks_msec() - started) / 1000.0))
	tell("get_device_count()", upnp.get_device_count())
	var device = upnp.get_gateway()
	if device == null:
		quit()
		return
	for property in ["description_url", "service_type", "igd_control_url", "igd_service_type", "igd_our_addr",
			"igd_status"]:
		tell(property, device.get(property))
	tell("is_valid_gateway()", device.is_valid_gateway())
	tell("get_device(0) == get_gateway()", upnp.get_device(0) == device)
	tell("query_external_address()", upnp.query_external_address())
	tell("device.query_external_address()", device.query_external_address())
	tell("add_port_mapping(7777)", upnp.add_port_mapping(7777))
	tell("the same again", upnp.add_port_mapping(7777))
	tell("add_port_mapping(7778, 7779, \"Tom + Jerry\", \"TCP\", 3600)",
			upnp.add_port_mapping(7778, 7779, "Tom + Jerry", "TCP", 3600))
	tell("device.add_port_mapping(7780, 0, \"game\", \"UDP\", 60)",
			device.add_port_mapping(7780, 0, "game", "UDP", 60))
	tell("delete_port_mapping(7777)", upnp.delete_port_mapping(7777))
	tell("delete_port_mapping(7777) again", upnp.delete_port_mapping(7777))
	tell("delete_port_mapping(7778, \"TCP\")", upnp.delete_port_mapping(7778, "TCP"))
	tell("device.delete_port_mapping(7780)", device.delete_port_mapping(7780))
	for port in [0, -1, 65536]:
		tell("add_port_mapping(%d)" % port, upnp.add_port_mapping(port))
		tell("delete_port_mapping(%d)" % port, upnp.delete_port_mapping(port))
	tell("add_port_mapping(1, 65536)", upnp.add_port_mapping(1, 65536))
	tell("add_port_mapping(1, -1)", upnp.add_port_mapping(1, -1))
	tell("add_port_mapping(1, 0, \"\", \"udp\")", upnp.add_port_mapping(1, 0, "", "udp"))
	tell("add_port_mapping(1, 0, \"\", \"UDP\", -1)", upnp.add_port_mapping(1, 0, "", "UDP", -1))
	tell("delete_port_mapping(1, \"udp\")", upnp.delete_port_mapping(1, "udp"))
	tell("discover(-1)", upnp.discover(-1))
	tell("discover(2000, 256)", upnp.discover(2000, 256))
	tell("discover(2000, -1)", upnp.discover(2000, -1))
	tell("devices listed after that", upnp.get_device_count())
	tell("get_device(-1)", upnp.get_device(-1))
	tell("get_device(1)", upnp.get_device(1))
	upnp.add_device(null)
	tell("devices listed after `add_device(null)`", upnp.get_device_count())
	upnp.set_device(1, bare)
	upnp.set_device(0, null)
	tell("`get_device(0)` is the same after `set_device(1, bare)` and `set_device(0, null)`", upnp.get_device(0) == device)
	upnp.remove_device(1)
	upnp.remove_device(-1)
	tell("devices listed after `remove_device(1)` and `remove_device(-1)`", upnp.get_device_count())
	upnp.add_device(device)
	tell("devices listed after `add_device(get_device(0))`", upnp.get_device_count())
	upnp.remove_device(1)
	upnp.discover_multicast_if = "eth0"
	tell("discover(1000) through \"eth0\"", upnp.discover(1000))
	upnp.discover_multicast_if = "no such interface"
	tell("discover(1000) through \"no such interface\"", upnp.discover(1000))
	tell("devices listed after it", upnp.get_device_count())
	upnp.discover_multicast_if = ""
	tell("discover(2000, 2, \"rootdevice\")", upnp.discover(2000, 2, "rootdevice"))
	tell("devices listed for \"rootdevice\"", upnp.get_device_count())
	tell("discover(500, 2, \"no such thing\")", upnp.discover(500, 2, "no such thing"))
	tell("get_gateway() while nothing is listed", upnp.get_gateway())
	tell("add_port_mapping(7777) without a gateway", upnp.add_port_mapping(7777))
	upnp.discover_ipv6 = true
	tell("discover() over IPv6", upnp.discover())
	tell("devices listed over IPv6", upnp.get_device_count())
	tell("add_port_mapping(7777) over IPv6", upnp.add_port_mapping(7777))
	quit()


# As Godot 4 writes it.
func tell(row, value):
	var text = "null" if value == null else "`%s`" % (str(value).to_lower() if value is bool else "\"\"" if value is String and value == "" else str(value))
	print("row\t%s\t%s" % [row, text])
