## Calls from Godot's threads, as the engine's documentation teaches.
extends "res://suite.gd"


func eight_threads_with_an_object_each() -> void:
	var address := gateway()
	var threads: Array[Thread] = []
	for index in 8:
		var thread := Thread.new()
		thread.start(_search_map_and_close.bind(address, 7000 + index))
		threads.append(thread)
	for thread in threads:
		same(thread.wait_to_finish(), [0, "81.2.69.142", 0, 7000, 0])


func eight_threads_with_one_object() -> void:
	var object := searched()
	var threads: Array[Thread] = []
	for index in 8:
		var thread := Thread.new()
		thread.start(func() -> Array:
			object.discover_local_port = 0
			var gateway_found := object.get_gateway()
			return [gateway_found != null, object.add_port_mapping(7000 + index)])
		threads.append(thread)
	for thread in threads:
		same(thread.wait_to_finish(), [true, 0])
	same(object.get_gateway().get_port_mappings().size(), 8)


func requests_begun_in_a_thread_end_on_the_main_one() -> void:
	var object := upnp()
	var told := []
	object.discover_completed.connect(func(result: int) -> void:
		told.append([result, OS.get_thread_caller_id() == OS.get_main_thread_id()]))
	var thread := Thread.new()
	thread.start(func() -> void: object.discover_async())
	thread.wait_to_finish()
	await until(func() -> bool: return not told.is_empty(), "a result")
	same(told, [[0, true]])


func a_search_in_a_thread_holds_up_nobody() -> void:
	var object := upnp("silent")
	var thread := Thread.new()
	thread.start(func() -> int: return object.discover(600))
	await frames(3)
	var started := Time.get_ticks_msec()
	object.discover_local_port = 5
	same(object.discover_local_port, 5)
	same(object.get_device_count(), 0)
	object.add_device(PortcullisUPNPDevice.new())
	check(Time.get_ticks_msec() - started < 50, "held up")
	check(thread.is_alive(), "it still searches")
	same(thread.wait_to_finish(), PortcullisUPNP.UPNP_RESULT_NO_DEVICES)


func _search_map_and_close(address: String, port: int) -> Array:
	var object := PortcullisUPNP.new()
	object.gateway = address
	var results := [object.discover(), object.query_external_address(), object.add_port_mapping(port)]
	var mapping := object.get_gateway().get_specific_port_mapping(port)
	results.append(mapping.get("external_port", 0) - port + 7000)
	results.append(object.delete_port_mapping(port))
	return results
