## Calls that do not wait.
extends "res://suite.gd"


func a_request_is_awaited() -> void:
	var object := upnp()
	var request := object.discover_async()
	same(request.result, -1)
	check(not request.is_done())
	var arguments: Array = await request.completed
	same(arguments, [PortcullisUPNP.UPNP_RESULT_SUCCESS, 1])
	same(request.result, PortcullisUPNP.UPNP_RESULT_SUCCESS)
	check(request.is_done())
	arguments = await object.query_external_address_async().completed
	same(arguments, [PortcullisUPNP.UPNP_RESULT_SUCCESS, "81.2.69.142"])
	arguments = await object.add_port_mapping_async(7777, 0, "lobby", "TCP", 60).completed
	same(arguments, [PortcullisUPNP.UPNP_RESULT_SUCCESS, null])
	same(object.get_gateway().get_specific_port_mapping(7777, "TCP").description, "lobby")
	arguments = await object.delete_port_mapping_async(7777, "TCP").completed
	same(arguments[0], PortcullisUPNP.UPNP_RESULT_SUCCESS)


func signals_come_later_and_from_the_main_thread() -> void:
	var object := PortcullisUPNP.new()
	var order := []
	var note := func(what: String) -> void:
		order.append(what)
		same(OS.get_thread_caller_id(), OS.get_main_thread_id(), what)
	object.discover_completed.connect(func(result: int) -> void: note.call("discover_completed %d" % result))
	object.request_completed.connect(func(request: PortcullisRequest) -> void:
		note.call("request_completed %d" % request.result))
	# Over before it begins, and told later all the same.
	var request := object.discover_async(-1)
	request.completed.connect(func(result: int, _value: Variant) -> void: note.call("completed %d" % result))
	check(request.is_done())
	order.append("returned")
	await until(func() -> bool: return order.size() == 4, "four entries")
	same(order, ["returned", "completed 22", "discover_completed 22", "request_completed 22"])
	same(object.add_port_mapping_async(7777).is_done(), true)
	await frames(3)
	same(order.size(), 5)


func async_prints_nothing() -> void:
	var object := searched()
	var results := []
	for request in [object.add_port_mapping_async(0), object.add_port_mapping_async(1, 0, "", "udp"),
			object.add_port_mapping_async(1, 0, "", "UDP", -1), object.discover_async(1, 256)]:
		await request.completed
		results.append(request.result)
	same(results, [17, 18, 19, 22])
	printed_only([])


func a_request_is_cancelled() -> void:
	var object := upnp("silent")
	var request := object.discover_async(5000)
	await frames(2)
	var told := []
	request.completed.connect(func(result: int, value: Variant) -> void: told.append([result, value]))
	var started := Time.get_ticks_msec()
	request.cancel()
	check(request.is_done() and request.is_cancelled())
	same(told, [], "inside the call")
	await until(func() -> bool: return not told.is_empty(), "completed")
	check(Time.get_ticks_msec() - started < 50, "in time")
	same(told, [[PortcullisUPNP.UPNP_RESULT_UNKNOWN_ERROR, null]])
	request.cancel()
	await frames(2)
	same(told.size(), 1, "told once")


func an_object_cancels_everything_it_has_under_way() -> void:
	var object := upnp("silent")
	var requests := [object.discover_async(5000), object.discover_async(4000)]
	var thread := Thread.new()
	thread.start(func() -> int: return object.discover(5000))
	await frames(5)
	var started := Time.get_ticks_msec()
	object.cancel()
	same(thread.wait_to_finish(), PortcullisUPNP.UPNP_RESULT_UNKNOWN_ERROR, "a call that waits elsewhere")
	check(Time.get_ticks_msec() - started < 50, "in time")
	for request: PortcullisRequest in requests:
		check(request.is_cancelled())


func what_nobody_keeps_goes_on() -> void:
	var told := []
	_search_and_forget(told)
	await until(func() -> bool: return not told.is_empty(), "a result")
	same(told, [PortcullisUPNP.UPNP_RESULT_SUCCESS])


func objects_freed_early_are_no_error() -> void:
	for round in 20:
		var object := upnp() if round == 0 else PortcullisUPNP.new()
		var request := object.discover_async(50)
		if round % 2:
			object.cancel()
		if round % 3:
			request = null
		object = null
		await frames(round % 4)
	var holder := Node.new()
	holder.set_script(_receiver())
	var object := upnp("silent")
	object.discover_async(100).completed.connect(holder.receive)
	holder.free()
	await frames(30)
	printed_only([])


func a_handler_may_begin_anew() -> void:
	var object := upnp()
	var results := []
	var again := func(result: int) -> void:
		results.append(result)
		if results.size() < 3:
			object.discover_async(2000)
	object.discover_completed.connect(again)
	object.discover_async()
	await until(func() -> bool: return results.size() == 3, "three searches")
	# The handler keeps the object, and the object the handler.
	object.discover_completed.disconnect(again)
	same(results, [0, 0, 0])


func is_done_needs_no_frames() -> void:
	var object := upnp()
	var request := object.discover_async()
	var deadline := Time.get_ticks_msec() + 3000
	while not request.is_done() and Time.get_ticks_msec() < deadline:
		OS.delay_msec(5)
	same(request.result, PortcullisUPNP.UPNP_RESULT_SUCCESS)
	same(request.value, 1)


func _search_and_forget(told: Array) -> void:
	var object := upnp()
	object.discover_completed.connect(func(result: int) -> void: told.append(result))
	object.discover_async()


func _receiver() -> GDScript:
	var script := GDScript.new()
	script.source_code = "extends Node\nfunc receive(_result, _value): pass\n"
	script.reload()
	return script
