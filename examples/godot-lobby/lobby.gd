## Hosts a game on a port, opens that port on the router, and shows the address that players join at.
##
## The work is done by two lines of `_host()`: create_server() and forward_peer(). All else is the window.
## To try it with a simulated gateway: `portcullis simulate`, then run this with `-- --gateway=ADDRESS:PORT`.
extends Control

const GREEN := Color("8eef97")
const AMBER := Color("ffca5f")
const RED := Color("ff786b")
const GREY := Color("8b95a5")

@onready var _forwarder: PortForwarder = $PortForwarder
@onready var _status: Label = %Status
@onready var _port: SpinBox = %Port
@onready var _host_button: Button = %Host
@onready var _stop_button: Button = %Stop
@onready var _address: Label = %Address
@onready var _copy_button: Button = %Copy
@onready var _log: RichTextLabel = %Log


func _ready() -> void:
	for argument in OS.get_cmdline_user_args():
		if argument.begins_with("--gateway="):
			_forwarder.gateway = argument.get_slice("=", 1)
	multiplayer.peer_connected.connect(func(id: int) -> void: _tell("Player %d has joined." % id, GREEN))
	multiplayer.peer_disconnected.connect(func(id: int) -> void: _tell("Player %d has left." % id))
	_show_idle()
	_tell("Choose a port and host a game.")


func _host() -> void:
	var peer := ENetMultiplayerPeer.new()
	var error := peer.create_server(int(_port.value))
	if error != OK:
		_tell("Cannot listen on port %d: %s." % [_port.value, error_string(error)], RED)
		return
	multiplayer.multiplayer_peer = peer
	_show(false, "Opening the port …", AMBER)
	_tell("Listening on UDP port %d; asking the router to open it …" % _port.value)
	_forwarder.forward_peer(peer)


func _stop() -> void:
	_forwarder.release_all()
	multiplayer.multiplayer_peer.close()
	multiplayer.multiplayer_peer = OfflineMultiplayerPeer.new()
	_show_idle()
	_tell("Stopped.")


func _on_mapping_added(mapping: PortMapping) -> void:
	_tell("%s opened %s %d to %s:%d." % [mapping.gateway, mapping.protocol, mapping.external_port,
			mapping.internal_address, mapping.internal_port], GREEN)
	if mapping.lifetime > 0:
		_tell("The router keeps it open for %d minutes, also if this game crashes." % ceili(mapping.lifetime / 60.0))
	else:
		_tell("The router keeps it open until this game closes it.")
	if mapping.external_address_kind not in [PortcullisUPNPDevice.EXTERNAL_ADDRESS_PUBLIC,
			PortcullisUPNPDevice.EXTERNAL_ADDRESS_UNKNOWN]:
		_tell("The router's address is not public: players on the internet may not reach it.", AMBER)


func _on_ready_to_host(external_address: String, external_port: int) -> void:
	_share(external_address, external_port)
	if external_address.is_empty():
		_tell("The router does not tell its address: look it up, and share it with the port.", AMBER)
	else:
		_tell("Ready: share the address above.", GREEN)


func _on_mapping_renewed(mapping: PortMapping) -> void:
	_share(mapping.external_address, mapping.external_port)
	_tell("The router keeps port %d open." % mapping.external_port)


func _on_mapping_lost(mapping: PortMapping, result: int) -> void:
	# The forwarder goes on asking: _on_mapping_renewed() tells when it is open again.
	_show(false, "Port lost", RED)
	_tell("Port %d is not open any more: %s" % [mapping.external_port, PortcullisUPNP.result_to_string(result)], RED)


func _on_mapping_removed(mapping: PortMapping) -> void:
	_tell("Port %d is closed again." % mapping.external_port)


func _on_failed(result: int, message: String) -> void:
	_tell(message.left(1).to_upper() + message.substr(1) + ".", RED)
	_tell(PortcullisUPNP.result_to_string(result), AMBER)
	if _forwarder.get_state() == PortForwarder.STATE_FAILED and not _stop_button.disabled:
		# The game goes on for players in the same network.
		_show(false, "Local network only", RED)


func _share(external_address: String, external_port: int) -> void:
	_show(false, "Hosting", GREEN)
	if external_address.is_empty():
		_address.text = "port %d" % external_port
		return
	var bracketed := "[%s]" % external_address if ":" in external_address else external_address
	_address.text = "%s:%d" % [bracketed, external_port]
	_copy_button.disabled = false


func _copy() -> void:
	DisplayServer.clipboard_set(_address.text)
	_tell("Copied.")


func _show_idle() -> void:
	_show(true, "Not hosting", GREY)


func _show(is_idle: bool, status: String, color: Color) -> void:
	_status.text = status
	_status.add_theme_color_override("font_color", color)
	_port.editable = is_idle
	_host_button.disabled = not is_idle
	_stop_button.disabled = is_idle
	_address.text = "—"
	_copy_button.disabled = true


func _tell(line: String, color := Color("c8d0dc")) -> void:
	_log.push_color(GREY)
	_log.add_text(Time.get_time_string_from_system() + "  ")
	_log.pop()
	_log.push_color(color)
	_log.add_text(line + "\n")
	_log.pop()
