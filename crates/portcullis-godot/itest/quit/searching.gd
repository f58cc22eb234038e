## Quits while searches are under way, one of them in a thread that waits for its own.
extends Node

var _upnp := PortcullisUPNP.new()
var _thread := Thread.new()


func _ready() -> void:
	_upnp.gateway = OS.get_environment("PORTCULLIS_GATEWAY")
	_upnp.discover_async(5000)
	_thread.start(func() -> int: return _upnp.discover(5000))
	await get_tree().create_timer(0.2).timeout
	get_tree().quit()


func _exit_tree() -> void:
	_upnp.cancel()
	_thread.wait_to_finish()
