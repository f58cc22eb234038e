## The same with less time than usual.
extends "res://quit/unanswered.gd"


func _prepare() -> void:
	super()
	node.exit_timeout = 0.1
