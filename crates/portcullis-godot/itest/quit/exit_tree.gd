## Closes its port when its scene goes, at the very end.
extends "res://quit/mapped.gd"


func _exit_tree() -> void:
	node.release_all()
