## What every suite needs: checks, gateways, and what the engine printed meanwhile.
extends Node

const Simulator := preload("res://simulator.gd")

## What went wrong in the test that runs.
var failures: PackedStringArray = []

var _printed := Printed.new()


## What is printed as an error or a warning while a test runs.
class Printed extends Logger:
	var _lines: PackedStringArray = []
	var _mutex := Mutex.new()

	func _log_error(_function: String, _file: String, _line: int, code: String, rationale: String,
			_notify: bool, _type: int, _backtraces: Array) -> void:
		_mutex.lock()
		_lines.append(code if rationale.is_empty() else rationale)
		_mutex.unlock()

	func take() -> PackedStringArray:
		_mutex.lock()
		var lines := _lines.duplicate()
		_lines.clear()
		_mutex.unlock()
		return lines


func _enter_tree() -> void:
	OS.add_logger(_printed)


func finish() -> void:
	OS.remove_logger(_printed)
	var lines := _printed.take()
	if not lines.is_empty():
		failures.append("printed: " + " | ".join(lines))


## Checks that two values are the same, types included.
func same(actual: Variant, expected: Variant, what := "") -> void:
	# No object is null, whether or not its type is known.
	if actual == null and expected == null:
		return
	if typeof(actual) != typeof(expected) or actual != expected:
		_fail("%s: %s, not %s" % [what, var_to_str(actual), var_to_str(expected)])


func check(condition: bool, what := "") -> void:
	if not condition:
		_fail(what)


## What the engine printed since the test began or asked last.
func printed() -> PackedStringArray:
	return _printed.take()


## Checks what the engine printed since the test began or asked last.
func printed_only(lines: Array) -> void:
	same(Array(printed()), lines, "printed")


## The address of a simulated gateway of its own.
func gateway(scenario := "igd1") -> String:
	return Simulator.start(scenario)


## One that uses a simulated gateway rather than search the network.
func upnp(scenario := "igd1") -> PortcullisUPNP:
	var object := PortcullisUPNP.new()
	object.gateway = gateway(scenario)
	return object


## The same, after a search.
func searched(scenario := "igd1") -> PortcullisUPNP:
	var object := upnp(scenario)
	same(object.discover(), PortcullisUPNP.UPNP_RESULT_SUCCESS, "discover")
	return object


## A device made by hand for a control URL, of the class of this name.
func by_hand(type: String, found: PortcullisUPNPDevice) -> RefCounted:
	# The engine's class has an implementation that only `new` knows.
	var device: RefCounted = UPNPDevice.new() if type == "UPNPDevice" else PortcullisUPNPDevice.new()
	for property in ["description_url", "service_type", "igd_control_url", "igd_service_type", "igd_our_addr"]:
		device.set(property, found.get(property))
	device.set("igd_status", 0)
	return device


## Waits for so many frames.
func frames(count: int) -> void:
	for frame in count:
		await get_tree().process_frame


## Waits until something holds, for five seconds at most where nothing else is said.
func until(condition: Callable, what: String, seconds := 5) -> void:
	var deadline := Time.get_ticks_msec() + seconds * 1000
	while not condition.call():
		if Time.get_ticks_msec() > deadline:
			_fail("never: " + what)
			return
		await get_tree().process_frame


func _fail(text: String) -> void:
	var place := ""
	for backtrace in Engine.capture_script_backtraces():
		for frame in backtrace.get_frame_count():
			if place.is_empty() and not backtrace.get_frame_file(frame).ends_with("suite.gd"):
				place = "%s:%d: " % [backtrace.get_frame_file(frame).get_file(), backtrace.get_frame_line(frame)]
	failures.append(place + text)
