## The node.
extends "res://suite.gd"


func a_port_is_opened_and_closed() -> void:
	var node := _forwarder()
	var heard := _listen(node)
	same(node.get_state(), PortForwarder.STATE_IDLE)
	var mapping := node.forward(7777)
	check(mapping.is_pending() and not mapping.is_active())
	same(node.get_state(), PortForwarder.STATE_SEARCHING)
	same(heard, [], "inside the call")
	await node.ready_to_host
	same(heard, [["mapping_added", mapping], ["external_address_changed", "81.2.69.142"],
			["ready_to_host", "81.2.69.142", 7777]])
	check(mapping.is_active())
	same([mapping.protocol, mapping.internal_port, mapping.external_port, mapping.internal_address],
			["UDP", 7777, 7777, "127.0.0.1"])
	same([mapping.external_address, mapping.method, mapping.lifetime, mapping.result, mapping.message],
			["81.2.69.142", "igd", 7200, 0, ""])
	same(mapping.external_address_kind, PortcullisUPNPDevice.EXTERNAL_ADDRESS_PUBLIC)
	same(node.get_state(), PortForwarder.STATE_MAPPED)
	same(node.get_external_address(), "81.2.69.142")
	check(mapping.gateway.begins_with("Simulated gateway"), mapping.gateway)
	same(node.get_report(), {
		"state": PortForwarder.STATE_MAPPED, "external_address": "81.2.69.142", "gateway": mapping.gateway,
		"mappings": [{
			"active": true, "protocol": "UDP", "internal_port": 7777, "external_port": 7777, "lifetime": 7200,
			"method": "igd",
		}] as Array[Dictionary],
		"message": "", "attempts": PackedStringArray(),
	}, "report")
	same(_at_gateway(node)[0].description, "Tom & Jerry", "the project's name")
	heard.clear()
	node.release(mapping)
	same(heard, [], "inside the call")
	await node.mapping_removed
	same(heard, [["mapping_removed", mapping]])
	check(not mapping.is_active() and not mapping.is_pending())
	same(_at_gateway(node), [])
	same(node.get_state(), PortForwarder.STATE_IDLE)


func ports_of_the_inspector_are_opened() -> void:
	var node := PortForwarder.new()
	node.gateway = gateway()
	node.udp_ports = [7777]
	node.tcp_ports = [7778]
	node.description = "lobby"
	node.lease_duration = 600
	var heard := _listen(node)
	add_child(node)
	await until(func() -> bool: return _count(heard, "mapping_added") == 2, "two mappings")
	var entries := _at_gateway(node).map(func(entry: Dictionary) -> Array:
		return [entry.external_port, entry.protocol, entry.description])
	entries.sort()
	same(entries, [[7777, "UDP", "lobby"], [7778, "TCP", "lobby"]])
	node.release_all()
	await until(func() -> bool: return _count(heard, "mapping_removed") == 2, "two removals")


func another_port_is_taken_where_one_is_taken() -> void:
	var node := _forwarder("conflict")
	var mapping := node.forward(7777)
	await node.ready_to_host
	check(mapping.external_port != 7777)
	same(mapping.internal_port, 7777)


func where_leases_do_not_end_one_is_taken() -> void:
	for is_kept: bool in [true, false]:
		var node := _forwarder("permanent-lease-only")
		node.auto_renew = is_kept
		var mapping := node.forward(7777)
		await node.ready_to_host
		# What the gateway has granted is told, however it is looked after.
		same([mapping.is_active(), mapping.lifetime], [true, 0])
		same(_at_gateway(node)[0].lease_duration, 0)
		node.release(mapping)
		await node.mapping_removed
		same(_at_gateway(node), [])


func a_failure_is_told() -> void:
	var node := _forwarder("not-authorized")
	var heard := _listen(node)
	var mapping := node.forward(7777)
	await node.failed
	same(heard.size(), 1)
	same(heard[0][1], PortcullisUPNP.UPNP_RESULT_NOT_AUTHORIZED)
	check(heard[0][2].contains("606"), heard[0][2])
	same([mapping.result, mapping.message], [heard[0][1], heard[0][2]])
	same(node.get_state(), PortForwarder.STATE_FAILED)
	var report := node.get_report()
	same([report.state, report.message, report.mappings.size()], [PortForwarder.STATE_FAILED, heard[0][2], 0])
	check(report.attempts.size() > 0, "attempts")


func a_failure_is_forgotten_by_what_comes_next() -> void:
	var node := _forwarder("not-authorized")
	for again in [node.release_all, func() -> void: node.release(node.forward(7777))]:
		node.forward(7777)
		await node.failed
		same(node.get_state(), PortForwarder.STATE_FAILED)
		again.call()
		same(node.get_state(), PortForwarder.STATE_IDLE)
		var report := node.get_report()
		same([report.state, report.message, report.attempts.size()], [PortForwarder.STATE_IDLE, "", 0])


func without_a_protocol_nothing_is_tried() -> void:
	for protocols: int in [PortForwarder.PROTOCOL_PCP, 0]:
		var node := _forwarder()
		var heard := _listen(node)
		node.enabled_protocols = protocols
		var mapping := node.forward(7777)
		await node.failed
		same(heard.size(), 1, str(protocols))
		check(mapping.result > 0 and not mapping.message.is_empty(), str(protocols))
		same(_at_gateway(node), [])


func other_protocols_open_ports_as_well() -> void:
	for case in [["pcp-only", "pcp"], ["nat-pmp-only", "nat-pmp"]]:
		var node := PortForwarder.new()
		node.gateway = "pcp://" + Simulator.start_whole(case[0]).port_control_address
		add_child(node)
		var mapping := node.forward(7777)
		await node.ready_to_host
		same([mapping.method, mapping.external_address], [case[1], "81.2.69.142"])
		node.release(mapping)
		await node.mapping_removed


func a_mapping_is_renewed() -> void:
	var node := _forwarder()
	node.lease_duration = 8
	var heard := _listen(node)
	var mapping := node.forward(7777)
	await node.mapping_renewed
	same(_count(heard, "mapping_renewed"), 1)
	check(mapping.is_active())
	same(_count(heard, "mapping_lost"), 0)
	node.release(mapping)
	await node.mapping_removed
	same(_at_gateway(node), [])


func without_renewal_a_mapping_is_made_once() -> void:
	var node := _forwarder()
	node.auto_renew = false
	var mapping := node.forward(7777)
	await node.ready_to_host
	node.release(mapping)
	await node.mapping_removed
	same(_at_gateway(node), [])


func what_cannot_be_is_said() -> void:
	var node := _forwarder()
	same(node.forward(0), null)
	same(node.forward(1, "udp"), null)
	same(node.forward(1, "UDP", 65536), null)
	node.release(null)
	same(node.forward_peer(null), null)
	same(node.forward_peer(OfflineMultiplayerPeer.new()), null)
	same(node.forward_peer(ENetMultiplayerPeer.new()), null)
	same(node.forward_peer(WebSocketMultiplayerPeer.new()), null)
	same(node.get_state(), PortForwarder.STATE_IDLE)
	same(printed().size(), 8)


func a_peers_port_is_opened() -> void:
	var node := _forwarder()
	var peer := ENetMultiplayerPeer.new()
	same(peer.create_server(0), OK)
	var mapping := node.forward_peer(peer)
	await node.ready_to_host
	same([mapping.protocol, mapping.internal_port], ["UDP", peer.host.get_local_port()])
	mapping = node.forward_peer(WebSocketMultiplayerPeer.new(), 7779)
	await node.ready_to_host
	same([mapping.protocol, mapping.internal_port], ["TCP", 7779])
	peer.close()


func a_pending_mapping_is_given_up() -> void:
	var node := _forwarder("slow-http")
	var heard := _listen(node)
	var mapping := node.forward(7777)
	await frames(2)
	node.release(mapping)
	same(node.get_state(), PortForwarder.STATE_IDLE)
	await frames(5)
	same(heard, [])


func a_node_that_is_freed_closes_its_ports() -> void:
	var address := gateway()
	for early in [false, true]:
		var node := PortForwarder.new()
		node.gateway = address
		add_child(node)
		var mapping := node.forward(7777)
		if early:
			await frames(1)
		else:
			await node.ready_to_host
			# Nobody may free an object that is emitting.
			await frames(1)
		node.free()
		check(mapping.is_active() != early)
	var object := PortcullisUPNP.new()
	object.gateway = address
	same(object.discover(), 0)
	await until(func() -> bool: return object.get_gateway().get_port_mappings().is_empty(), "closed")
	printed_only([])


func a_handler_may_free_the_node() -> void:
	for heard: StringName in [&"mapping_added", &"ready_to_host", &"failed"]:
		var node := _forwarder("not-authorized" if heard == &"failed" else "igd1")
		node.connect(heard, func(_first: Variant = null, _second: Variant = null) -> void: node.queue_free())
		node.forward(7777)
		await node.tree_exited
	var node := _forwarder()
	node.mapping_added.connect(func(_mapping: PortMapping) -> void: node.free.call_deferred())
	node.forward(7777)
	await node.tree_exited
	printed_only([])


func it_is_called_from_the_main_thread() -> void:
	var node := _forwarder()
	var mapping := node.forward(7777)
	await node.ready_to_host
	var thread := Thread.new()
	thread.start(func() -> PortMapping:
		node.release(mapping)
		node.release_all()
		return node.forward(7778))
	same(thread.wait_to_finish(), null)
	var line := "A PortForwarder is a node: call it from the main thread."
	printed_only([line, line, line])
	check(mapping.is_active())
	node.release(mapping)
	await node.mapping_removed
	same(_at_gateway(node), [])


func a_node_survives_leaving_the_tree() -> void:
	var node := _forwarder()
	var mapping := node.forward(7777)
	await node.ready_to_host
	remove_child(node)
	await frames(2)
	check(mapping.is_active())
	add_child(node)
	same(_at_gateway(node).size(), 1)


func properties_have_defaults() -> void:
	var node := PortForwarder.new()
	same([node.enabled_protocols, node.lease_duration, node.auto_renew, node.remove_on_exit, node.exit_timeout],
			[7, 7200, true, true, 0.5])
	same([node.description, node.gateway, node.udp_ports.size(), node.tcp_ports.size()], ["", "", 0, 0])
	node.exit_timeout = 1.25
	node.remove_on_exit = false
	same([node.exit_timeout, node.remove_on_exit], [1.25, false])
	node.free()


func _forwarder(scenario := "igd1") -> PortForwarder:
	var node := PortForwarder.new()
	node.gateway = gateway(scenario)
	add_child(node)
	return node


## Everything that a node emits, in order.
func _listen(node: PortForwarder) -> Array:
	var heard := []
	for info in ClassDB.class_get_signal_list("PortForwarder", true):
		var emitted: String = info.name
		if info.args.size() == 1:
			node.connect(emitted, func(first: Variant) -> void: heard.append([emitted, first]))
		else:
			node.connect(emitted, func(first: Variant, second: Variant) -> void: heard.append([emitted, first, second]))
	return heard


func _count(heard: Array, emitted: String) -> int:
	return heard.filter(func(entry: Array) -> bool: return entry[0] == emitted).size()


func _at_gateway(node: PortForwarder) -> Array:
	var object := PortcullisUPNP.new()
	object.gateway = node.gateway
	same(object.discover(), 0)
	return Array(object.get_gateway().get_port_mappings())
