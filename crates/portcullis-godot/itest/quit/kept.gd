## Quits with a port that is to stay open.
extends "res://quit/mapped.gd"


func _prepare() -> void:
	node.remove_on_exit = false
