## What ClassDB knows of the compatible classes, against what it knows of the engine's.
extends "res://suite.gd"

const ENGINES := {"UPNP": "PortcullisUPNP", "UPNPDevice": "PortcullisUPNPDevice"}
## The setters whose argument is `type` in the engine, which is a keyword of Rust's, with ours.
const KEYWORDS := {"set_service_type": "type_", "set_igd_service_type": "type_"}


func methods_are_the_engines() -> void:
	for engine_class in ENGINES:
		var methods := _by_name(ClassDB.class_get_method_list(ENGINES[engine_class], true))
		var engines := _by_name(ClassDB.class_get_method_list(engine_class, true))
		same(engines.size(), {"UPNP": 17, "UPNPDevice": 16}[engine_class], engine_class)
		for method in engines:
			check(method in methods, "%s has no %s" % [ENGINES[engine_class], method])
			if method in methods:
				if method in KEYWORDS:
					# Nothing else of them differs.
					same(methods[method].args[0].name, KEYWORDS[method], method)
					methods[method].args[0].name = engines[method].args[0].name
				same(_described(methods[method]), _described(engines[method]), engine_class + "." + method)


func properties_are_the_engines() -> void:
	for engine_class in ENGINES:
		var properties := _by_name(ClassDB.class_get_property_list(ENGINES[engine_class], true))
		var engines := _by_name(ClassDB.class_get_property_list(engine_class, true))
		same(engines.size(), {"UPNP": 3, "UPNPDevice": 6}[engine_class], engine_class)
		for property in engines:
			same(properties.get(property), engines[property], engine_class + "." + property)
			var setter := ClassDB.class_get_property_setter(ENGINES[engine_class], property)
			var getter := ClassDB.class_get_property_getter(ENGINES[engine_class], property)
			same(setter, ClassDB.class_get_property_setter(engine_class, property), property)
			same(getter, ClassDB.class_get_property_getter(engine_class, property), property)


func defaults_are_the_engines() -> void:
	var pairs := [[UPNP.new(), PortcullisUPNP.new()], [UPNPDevice.new(), PortcullisUPNPDevice.new()]]
	for pair in pairs:
		var engine_class: String = "UPNP" if pair[0] is UPNP else "UPNPDevice"
		for property in ClassDB.class_get_property_list(engine_class, true):
			same(pair[1].get(property.name), pair[0].get(property.name), property.name)


func enums_are_the_engines() -> void:
	for pair in [["UPNP", "UPNPResult", 29], ["UPNPDevice", "IGDStatus", 10]]:
		var own: String = ENGINES[pair[0]]
		check(pair[1] in ClassDB.class_get_enum_list(own, true), "no enum " + pair[1])
		var names := ClassDB.class_get_enum_constants(pair[0], pair[1], true)
		same(names.size(), pair[2], pair[1])
		same(ClassDB.class_get_enum_constants(own, pair[1], true), names, pair[1])
		for constant in names:
			var expected := ClassDB.class_get_integer_constant(pair[0], constant)
			same(ClassDB.class_get_integer_constant(own, constant), expected, constant)
	var result: PortcullisUPNP.UPNPResult = PortcullisUPNP.UPNP_RESULT_NO_DEVICES
	same(result, 27, "a variable of the enum's type")


func calls_that_do_not_wait_take_what_the_others_take() -> void:
	var methods := _by_name(ClassDB.class_get_method_list("PortcullisUPNP", true))
	var count := 0
	for method in methods:
		if method.ends_with("_async"):
			var twin: Dictionary = _described(methods[method.trim_suffix("_async")])
			var own := _described(methods[method])
			same([own.arguments, own.defaults], [twin.arguments, twin.defaults], method)
			same(own.returns[1], &"PortcullisRequest", method)
			count += 1
	same(count, 4)


func a_peer_is_a_multiplayer_peer() -> void:
	var method: Dictionary = _by_name(ClassDB.class_get_method_list("PortForwarder", true)).forward_peer
	same([method.args[0].name, method.args[0].type, method.args[0].class_name],
			["peer", TYPE_OBJECT, &"MultiplayerPeer"])
	same(method.return.class_name, &"PortMapping")
	same([method.args[1].name, method.default_args], ["port", [0]])


func properties_of_the_node_are_for_the_inspector() -> void:
	var ports := [TYPE_PACKED_INT32_ARRAY, PROPERTY_HINT_TYPE_STRING, "%d:" % TYPE_INT]
	var expected := {
		"udp_ports": ports,
		"tcp_ports": ports,
		"enabled_protocols": [TYPE_INT, PROPERTY_HINT_FLAGS, "UPnP:1,NAT_PMP:2,PCP:4"],
		"lease_duration": [TYPE_INT, PROPERTY_HINT_RANGE, "0,604800,1,or_greater,suffix:s"],
		"auto_renew": [TYPE_BOOL, PROPERTY_HINT_NONE, ""],
		"remove_on_exit": [TYPE_BOOL, PROPERTY_HINT_NONE, ""],
		"exit_timeout": [TYPE_FLOAT, PROPERTY_HINT_RANGE, "0,10,0.1,or_greater,suffix:s"],
		"description": [TYPE_STRING, PROPERTY_HINT_NONE, ""],
		"gateway": [TYPE_STRING, PROPERTY_HINT_NONE, ""],
	}
	var found := {}
	for property in ClassDB.class_get_property_list("PortForwarder", true):
		same(property.usage, PROPERTY_USAGE_DEFAULT, property.name)
		found[property.name] = [property.type, property.hint, property.hint_string]
	same(found, expected)


func enums_of_our_own_have_names() -> void:
	same(Array(ClassDB.class_get_enum_list("PortForwarder", true)).size(), 2, "PortForwarder")
	check(ClassDB.is_class_enum_bitfield("PortForwarder", "Protocol", true), "Protocol")
	same(PortForwarder.PROTOCOL_UPNP | PortForwarder.PROTOCOL_NAT_PMP | PortForwarder.PROTOCOL_PCP, 7)
	same(PortForwarder.STATE_FAILED, 3)
	same(PortcullisUPNPDevice.EXTERNAL_ADDRESS_CGNAT, 2)


func every_number_has_words() -> void:
	for number in 29:
		check(PortcullisUPNP.result_to_string(number).ends_with("."), str(number))
	for number in 10:
		check(PortcullisUPNP.igd_status_to_string(number).ends_with("."), str(number))
	same(PortcullisUPNP.result_to_string(29), "")
	same(PortcullisUPNP.igd_status_to_string(-1), "")


func signals_have_arguments() -> void:
	var expected := {
		"PortcullisUPNP": {"discover_completed": ["result"], "request_completed": ["request"]},
		"PortcullisRequest": {"completed": ["result", "value"]},
		"PortForwarder": {
			"ready_to_host": ["external_address", "external_port"],
			"mapping_added": ["mapping"], "mapping_renewed": ["mapping"], "mapping_lost": ["mapping", "result"],
			"mapping_removed": ["mapping"], "external_address_changed": ["address"], "failed": ["result", "message"],
		},
	}
	for type in expected:
		var found := {}
		for info in ClassDB.class_get_signal_list(type, true):
			found[info.name] = info.args.map(func(argument: Dictionary) -> String: return argument.name)
		same(found, expected[type], type)


func _by_name(list: Array[Dictionary]) -> Dictionary:
	var result := {}
	for entry in list:
		result[entry.name] = entry
	return result


## What matters of a method.
func _described(method: Dictionary) -> Dictionary:
	var arguments := []
	for argument in method.args:
		arguments.append([argument.name, argument.type, _own_name(argument.class_name), argument.usage])
	return {
		"arguments": arguments,
		"defaults": method.default_args,
		"flags": method.flags,
		"returns": [method.return.type, _own_name(method.return.class_name), method.return.usage],
	}


func _own_name(type: StringName) -> StringName:
	var parts := String(type).split(".")
	parts[0] = ENGINES.get(parts[0], parts[0])
	return StringName(".".join(parts))
