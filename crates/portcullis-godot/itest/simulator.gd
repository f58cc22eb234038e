## Simulated gateways, each a process of its own: `portcullis simulate`, from the environment's PORTCULLIS.
extends RefCounted

static var _running: Array[Dictionary] = []


## Starts one on loopback, and gives the address where it answers searches.
static func start(scenario: String) -> String:
	return start_whole(scenario).get("ssdp_address", "")


## The same, with everything that it says of itself.
static func start_whole(scenario: String) -> Dictionary:
	var program := OS.get_environment("PORTCULLIS")
	var process := OS.execute_with_pipe(program, ["simulate", "--json", "--scenario", scenario])
	if process.is_empty():
		push_error("cannot run '%s simulate'" % program)
		return {}
	_running.append(process)
	return JSON.parse_string(process.stdio.get_line())


static func stop_all() -> void:
	for process in _running:
		process.stdio.close()
		process.stderr.close()
		OS.kill(process.pid)
	_running.clear()
