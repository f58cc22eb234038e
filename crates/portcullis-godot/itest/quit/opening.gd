## Quits while a port is being opened.
extends Node


func _ready() -> void:
	var node := PortForwarder.new()
	node.gateway = OS.get_environment("PORTCULLIS_GATEWAY")
	# Longer than it takes to find out what there is to close.
	node.exit_timeout = 3.0
	add_child(node)
	node.forward(7777)
	await get_tree().create_timer(1.0).timeout
	get_tree().quit()
