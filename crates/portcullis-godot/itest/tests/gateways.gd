## The engine's calls, on simulated gateways.
extends "res://suite.gd"

const NO_CONTROL_URL := """<?xml version="1.0"?><root xmlns="urn:schemas-upnp-org:device-1-0"><device>
<deviceType>urn:schemas-upnp-org:device:InternetGatewayDevice:1</deviceType><serviceList><service>
<serviceType>urn:schemas-upnp-org:service:WANIPConnection:1</serviceType>
<controlURL>ftp://127.0.0.1/control</controlURL></service></serviceList></device></root>"""


func search_map_and_close() -> void:
	var object := upnp()
	same(object.discover(), PortcullisUPNP.UPNP_RESULT_SUCCESS)
	same(object.get_device_count(), 1)
	var device := object.get_device(0)
	same(device, object.get_gateway(), "the same object each time")
	same(device.igd_status, PortcullisUPNPDevice.IGD_STATUS_OK)
	same(device.igd_service_type, "urn:schemas-upnp-org:service:WANIPConnection:1")
	check(device.igd_control_url.begins_with("http://127.0.0.1:"), device.igd_control_url)
	check(device.description_url.begins_with("http://127.0.0.1:"), device.description_url)
	same(device.igd_our_addr, "127.0.0.1")
	check(device.is_valid_gateway())
	same(object.query_external_address(), "81.2.69.142")
	same(object.add_port_mapping(7777, 7778, "Tom & Jerry <é>", "UDP", 3600), PortcullisUPNP.UPNP_RESULT_SUCCESS)
	var mapping := device.get_specific_port_mapping(7777)
	same(mapping.internal_port, 7778)
	same(mapping.description, "Tom & Jerry <é>")
	same(mapping.internal_client, "127.0.0.1")
	same(device.get_port_mappings().size(), 1)
	same(object.delete_port_mapping(7777), PortcullisUPNP.UPNP_RESULT_SUCCESS)
	same(object.delete_port_mapping(7777), PortcullisUPNP.UPNP_RESULT_NO_SUCH_ENTRY_IN_ARRAY)
	same(device.last_upnp_error, 714)
	check(device.last_error_message.contains("714"), device.last_error_message)
	same(device.get_port_mappings().size(), 0)


func ports_are_truncated_as_in_the_engine() -> void:
	var object := searched()
	same(object.add_port_mapping(0x1_0000_0001), PortcullisUPNP.UPNP_RESULT_SUCCESS)
	same(object.get_gateway().get_specific_port_mapping(1).size(), 8)


func where_the_engines_class_sees_no_gateway() -> void:
	for scenario in ["private-address", "shared-address", "no-status", "no-common-config", "disconnected",
			"answers-igd2-only", "answers-service-only", "answers-rootdevice-only", "two-wan-devices", "no-address"]:
		var object := searched(scenario)
		var device := object.get_gateway()
		check(device != null and device.is_valid_gateway() and device.is_usable(), scenario)
		same(object.add_port_mapping(7777), PortcullisUPNP.UPNP_RESULT_SUCCESS, scenario)
	same(searched("disconnected").get_gateway().igd_status, PortcullisUPNPDevice.IGD_STATUS_DISCONNECTED)


func what_is_unusual_is_said() -> void:
	var device := searched("private-address").get_gateway()
	check(device.status_note.contains("private"), device.status_note)
	same(device.get_external_address_kind(), PortcullisUPNPDevice.EXTERNAL_ADDRESS_PRIVATE)
	same(searched("shared-address").get_gateway().get_external_address_kind(),
			PortcullisUPNPDevice.EXTERNAL_ADDRESS_CGNAT)
	same(searched("reserved-address").get_gateway().get_external_address_kind(),
			PortcullisUPNPDevice.EXTERNAL_ADDRESS_RESERVED)
	device = searched().get_gateway()
	same(device.status_note, "")
	check(not device.friendly_name.is_empty(), "a name")
	same(device.get_external_address_kind(), PortcullisUPNPDevice.EXTERNAL_ADDRESS_PUBLIC)
	same(PortcullisUPNPDevice.new().get_external_address_kind(), PortcullisUPNPDevice.EXTERNAL_ADDRESS_UNKNOWN)


func refusals_have_the_engines_numbers() -> void:
	for pair in [["permanent-lease-only", PortcullisUPNP.UPNP_RESULT_ONLY_PERMANENT_LEASE_SUPPORTED],
			["not-authorized", PortcullisUPNP.UPNP_RESULT_NOT_AUTHORIZED],
			["full", PortcullisUPNP.UPNP_RESULT_NO_PORT_MAPS_AVAILABLE],
			["always-conflict", PortcullisUPNP.UPNP_RESULT_CONFLICT_WITH_OTHER_MAPPING]]:
		same(searched(pair[0]).add_port_mapping(7777, 0, "", "UDP", 600), pair[1], pair[0])
	same(searched("same-port").add_port_mapping(7777, 7778), PortcullisUPNP.UPNP_RESULT_SAME_PORT_VALUES_REQUIRED)


func a_conflict_is_overwritten_by_the_list_and_not_by_the_device() -> void:
	var object := searched("conflict")
	var device := object.get_gateway()
	same(device.add_port_mapping(7777), PortcullisUPNP.UPNP_RESULT_CONFLICT_WITH_OTHER_MAPPING)
	same(device.last_upnp_error, 718)
	var port := device.add_any_port_mapping(7777)
	check(port != 0 and port != 7777, str(port))
	same(object.add_port_mapping(7777), PortcullisUPNP.UPNP_RESULT_SUCCESS)


func silence_ends_in_time() -> void:
	var object := upnp("silent")
	var started := Time.get_ticks_msec()
	same(object.discover(400), PortcullisUPNP.UPNP_RESULT_NO_DEVICES)
	var time := Time.get_ticks_msec() - started
	check(time >= 400 and time < 900, "%d ms" % time)
	same(object.get_gateway(), null)
	same(object.add_port_mapping(7777), PortcullisUPNP.UPNP_RESULT_NO_GATEWAY)


func a_search_ends_with_its_gateway() -> void:
	var object := upnp()
	object.discover()
	var started := Time.get_ticks_msec()
	same(object.discover(), PortcullisUPNP.UPNP_RESULT_SUCCESS)
	var time := Time.get_ticks_msec() - started
	check(time < 170, "%d ms" % time)
	object.discover_full_wait = true
	started = Time.get_ticks_msec()
	same(object.discover(500), PortcullisUPNP.UPNP_RESULT_SUCCESS)
	check(Time.get_ticks_msec() - started >= 500, "the whole wait")


func a_device_that_is_no_gateway() -> void:
	var object := upnp("not-a-gateway")
	same(object.discover(300, 2, "ssdp:all"), PortcullisUPNP.UPNP_RESULT_NO_DEVICES)
	same(object.discover(300, 2, ""), PortcullisUPNP.UPNP_RESULT_SUCCESS)
	same(object.get_device(0).igd_status, PortcullisUPNPDevice.IGD_STATUS_NO_IGD)
	check(not object.get_device(0).is_usable())


func devices_that_cannot_be_used_say_why() -> void:
	var object := upnp("no-connection-service")
	same(object.discover(300, 2, ""), PortcullisUPNP.UPNP_RESULT_SUCCESS)
	same(object.get_device(0).igd_status, PortcullisUPNPDevice.IGD_STATUS_UNKNOWN_DEVICE)
	same(await _status_of(""), PortcullisUPNPDevice.IGD_STATUS_HTTP_EMPTY)
	same(await _status_of("no description"), PortcullisUPNPDevice.IGD_STATUS_UNKNOWN_DEVICE)
	same(await _status_of(NO_CONTROL_URL), PortcullisUPNPDevice.IGD_STATUS_INVALID_CONTROL)


func calls_that_fail_give_nothing() -> void:
	var refusing := searched("not-authorized").get_gateway()
	same(refusing.add_any_port_mapping(7777), 0)
	same(refusing.last_upnp_error, 606)
	var unknown := PortcullisUPNPDevice.new()
	same(unknown.get_port_mappings().size(), 0)
	same(unknown.get_specific_port_mapping(7777), {})
	same(unknown.add_any_port_mapping(7777), 0)


func a_device_by_its_url_needs_no_search() -> void:
	var url: String = Simulator.start_whole("igd1").location
	var object := PortcullisUPNP.new()
	same(object.add_device_from_url(url), PortcullisUPNP.UPNP_RESULT_SUCCESS)
	same(object.get_gateway().description_url, url)
	same(object.add_port_mapping(7777), PortcullisUPNP.UPNP_RESULT_SUCCESS)


## The engine's own device and ours, both made by hand, on the same gateway.
func a_device_made_by_hand_does_what_the_engines_does() -> void:
	var found := searched().get_gateway()
	for type in ["UPNPDevice", "PortcullisUPNPDevice"]:
		var device := by_hand(type, found)
		same(device.query_external_address(), "81.2.69.142", type)
		same(device.add_port_mapping(7000, 7001, "by hand", "TCP", 100), 0, type)
		var mapping := found.get_specific_port_mapping(7000, "TCP")
		same(mapping.get("description"), "by hand", type)
		same(mapping.get("internal_port"), 7001, type)
		same(mapping.get("internal_client"), "127.0.0.1", type)
		same(device.delete_port_mapping(7000, "TCP"), 0, type)
		same(device.delete_port_mapping(7000, "TCP"), 4, type)
		device.igd_control_url = ""
		same(device.delete_port_mapping(7000), 23, type)
		# What the engine prints where the network fails, ours does not.
		var lines := printed()
		check(lines.is_empty() == (type != "UPNPDevice"), type + ": " + " | ".join(lines))


func objects_of_devices_are_kept_while_listed() -> void:
	var object := searched()
	object.get_device(0).set_meta("mine", true)
	same(object.get_gateway().get_meta("mine"), true)
	object.discover()
	check(not object.get_device(0).has_meta("mine"), "a search lists new ones")
	var own := PortcullisUPNPDevice.new()
	object.set_device(0, own)
	same(object.get_device(0), own)
	object.clear_devices()
	same(own.get_reference_count(), 1, "references")


## What a search says of a device with this description.
func _status_of(description: String) -> int:
	var server := TCPServer.new()
	server.listen(0, "127.0.0.1")
	var object := PortcullisUPNP.new()
	object.gateway = "http://127.0.0.1:%d/description.xml" % server.get_local_port()
	var request := object.discover_async(1000, 2, "")
	var connections: Array[StreamPeerTCP] = []
	while not request.is_done():
		if server.is_connection_available():
			connections.append(server.take_connection())
			connections[-1].put_data(("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % [
					description.length(), description]).to_utf8_buffer())
		await get_tree().process_frame
	same(object.get_device_count(), 1, description)
	return object.get_device(0).igd_status if object.get_device_count() > 0 else -1
