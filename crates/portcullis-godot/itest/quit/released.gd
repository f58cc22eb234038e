## Closes its ports, and quits in the same frame.
extends "res://quit/mapped.gd"

## More than are closed within a frame.
const PORTS := 30


func _prepare() -> void:
	# Longer than closing takes.
	node.exit_timeout = 1.0


func _end() -> void:
	var mappings: Array[PortMapping] = []
	for index in PORTS - 1:
		mappings.append(node.forward(8000 + index))
	while mappings.any(func(mapping: PortMapping) -> bool: return mapping.is_pending()):
		await get_tree().process_frame
	node.release_all()
	get_tree().quit()
