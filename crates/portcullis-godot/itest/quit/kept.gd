## Quits with a port that is to stay open.
extends "res://quit/mapped.gd"


func _removes() -> bool:
	return false
