## Quits with a port open, at a gateway that does not answer any more.
extends "res://quit/mapped.gd"

const Gateway := preload("res://pcp_gateway.gd")

## Stays open after the tree is gone: a closed one would refuse.
static var _socket: PacketPeerUDP


func _prepare() -> void:
	var gateway := Gateway.new()
	add_child(gateway)
	_socket = gateway.socket
	node.gateway = gateway.url()
	node.enabled_protocols = PortForwarder.PROTOCOL_PCP


func _end() -> void:
	print("quitting at %d" % int(Time.get_unix_time_from_system() * 1000))
	get_tree().quit()
