## What happens to a mapping that is kept, at a gateway that grants five seconds at a time.
extends "res://suite.gd"

const Gateway := preload("res://pcp_gateway.gd")
const OLD := "81.2.69.142"
const NEW := "81.2.69.160"

var _heard := []


func another_external_address_is_told_to_whoever_hosts() -> void:
	var at := _gateway()
	var node := _forwarder(at)
	var mapping := node.forward(7777)
	await node.ready_to_host
	same(_heard, [["mapping_added", mapping], ["external_address_changed", OLD], ["ready_to_host", OLD, 7777]])
	_heard.clear()
	at.external_address = NEW
	await until(func() -> bool: return _has("ready_to_host"), "told again", 20)
	same(_heard.filter(func(entry: Array) -> bool: return entry[0] != "mapping_renewed"),
			[["external_address_changed", NEW], ["ready_to_host", NEW, 7777]])
	same([node.get_external_address(), mapping.external_address], [NEW, NEW])
	same([mapping.is_active(), node.get_state()], [true, PortForwarder.STATE_MAPPED])


func a_mapping_that_is_lost_comes_back() -> void:
	var at := _gateway()
	var node := _forwarder(at)
	var mapping := node.forward(7777)
	await node.ready_to_host
	_heard.clear()
	at.is_silent = true
	await until(func() -> bool: return _has("mapping_lost"), "lost", 20)
	same(_heard, [["mapping_lost", mapping, PortcullisUPNP.UPNP_RESULT_NO_SUCH_ENTRY_IN_ARRAY]])
	same([mapping.is_active(), mapping.is_pending(), mapping.result], [false, true, -1])
	same([node.get_state(), node.get_report().mappings[0].active], [PortForwarder.STATE_SEARCHING, false])
	_heard.clear()
	at.restart()
	at.is_silent = false
	await until(func() -> bool: return _has("mapping_renewed"), "back", 30)
	same(_heard, [["mapping_renewed", mapping]])
	same([mapping.is_active(), mapping.is_pending(), mapping.result], [true, false, 0])
	same(node.get_state(), PortForwarder.STATE_MAPPED)
	node.release(mapping)
	await node.mapping_removed


func _gateway() -> Gateway:
	var at := Gateway.new()
	at.longest = 5
	add_child(at)
	return at


## Everything that it emits is heard, in order.
func _forwarder(at: Gateway) -> PortForwarder:
	var node := PortForwarder.new()
	node.gateway = at.url()
	node.enabled_protocols = PortForwarder.PROTOCOL_PCP
	add_child(node)
	_heard.clear()
	for info in ClassDB.class_get_signal_list("PortForwarder", true):
		var emitted: String = info.name
		if info.args.size() == 1:
			node.connect(emitted, func(first: Variant) -> void: _heard.append([emitted, first]))
		else:
			node.connect(emitted, func(first: Variant, second: Variant) -> void:
				_heard.append([emitted, first, second]))
	return node


func _has(emitted: String) -> bool:
	return _heard.any(func(entry: Array) -> bool: return entry[0] == emitted)
