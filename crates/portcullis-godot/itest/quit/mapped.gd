## Quits with a port open.
extends Node

var node := PortForwarder.new()


func _ready() -> void:
	node.gateway = OS.get_environment("PORTCULLIS_GATEWAY")
	_prepare()
	add_child(node)
	node.forward(7777)
	await node.ready_to_host
	print("mapped")
	_end()


## What another scene does otherwise.
func _prepare() -> void:
	pass


func _end() -> void:
	get_tree().quit()
