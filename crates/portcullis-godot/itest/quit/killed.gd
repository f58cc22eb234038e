## Is killed with a port open.
extends "res://quit/mapped.gd"


func _end() -> void:
	OS.kill(OS.get_process_id())
