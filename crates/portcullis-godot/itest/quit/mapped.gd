## Quits with a port open.
extends Node


func _ready() -> void:
	var node := PortForwarder.new()
	node.gateway = OS.get_environment("PORTCULLIS_GATEWAY")
	node.remove_on_exit = _removes()
	add_child(node)
	node.forward(7777)
	await node.ready_to_host
	print("mapped")
	_end()


func _removes() -> bool:
	return true


func _end() -> void:
	get_tree().quit()
