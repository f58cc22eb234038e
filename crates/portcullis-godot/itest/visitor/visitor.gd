## Hosts in the lobby by its buttons, and looks at the router for the port; stops, and looks again.
##
## Arguments: `--scene=` the lobby's, `--gateway=` the router's address, which the lobby reads as well.
extends Node

const PORT := 7777
const LONGEST_MSEC := 5000

var _lobby: Control
var _router := PortcullisUPNP.new()
var _mapping: PortMapping
var _complaints := 0


func _ready() -> void:
	var scene := ""
	for argument in OS.get_cmdline_user_args():
		if argument.begins_with("--scene="):
			scene = argument.get_slice("=", 1)
		elif argument.begins_with("--gateway="):
			_router.gateway = argument.get_slice("=", 1)
	_expect(_router.discover() == 0 and not _is_open(), "there is a router, and nothing is open")
	_lobby = load(scene).instantiate()
	add_child(_lobby)
	var forwarder: PortForwarder = _lobby.get_node("PortForwarder")
	forwarder.mapping_added.connect(func(mapping: PortMapping) -> void: _mapping = mapping)

	_lobby.get_node("%Host").pressed.emit()
	await _until(func() -> bool: return _shown("Status") == "Hosting", "it hosts")
	_expect(_shown("Address") == "81.2.69.142:%d" % PORT, "it shows the address")
	_expect(_is_open(), "the router has the port")

	forwarder.mapping_renewed.emit(_mapping)
	_expect(_shown("Status") == "Hosting", "it goes on when the lease is extended")
	forwarder.mapping_lost.emit(_mapping, PortcullisUPNP.UPNP_RESULT_HTTP_ERROR)
	_expect(_shown("Status") != "Hosting" and _lobby.get_node("%Copy").disabled, "it says that the port is lost")
	forwarder.mapping_renewed.emit(_mapping)
	_expect(_shown("Status") == "Hosting" and _shown("Address") != "—", "it says that the port is back")

	_lobby.get_node("%Stop").pressed.emit()
	await _until(func() -> bool: return not _is_open(), "the port is closed")
	_expect(_shown("Status") == "Not hosting", "it has stopped")
	if _complaints == 0:
		print("the visitor is content")
	get_tree().quit(_complaints)


func _is_open() -> bool:
	return _router.get_gateway().get_specific_port_mapping(PORT).get("internal_port") == PORT


func _shown(label: String) -> String:
	return _lobby.get_node("%" + label).text


func _until(condition: Callable, what: String) -> void:
	var started := Time.get_ticks_msec()
	while not condition.call() and Time.get_ticks_msec() - started < LONGEST_MSEC:
		await get_tree().process_frame
	_expect(condition.call(), what)


func _expect(is_so: bool, what: String) -> void:
	if not is_so:
		print("not so: %s (%s)" % [what, _shown("Status") if _lobby != null else ""])
		_complaints += 1
