## Quits with a port opened by a node that is in no tree, and that nobody frees before the end.
extends Node

static var _node: PortForwarder


func _ready() -> void:
	_node = PortForwarder.new()
	_node.gateway = OS.get_environment("PORTCULLIS_GATEWAY")
	_node.forward(7777)
	await _node.ready_to_host
	print("mapped")
	get_tree().root.tree_exiting.connect(func() -> void: _node.queue_free())
	get_tree().quit()
