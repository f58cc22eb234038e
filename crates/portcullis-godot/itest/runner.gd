## Runs every test of every suite in `tests/`, prints a line for each, and ends with 1 when one failed.
##
## A suite is a script that extends `suite.gd`; its tests are its methods whose names do not begin with an underscore.
## Arguments after `--`: words that the name of a test must contain one of; or `--scene PATH`, for one
## of the scenes that are run by themselves.
extends Node

const Simulator := preload("res://simulator.gd")

var passed := 0
var failed := 0


func _ready() -> void:
	var words := OS.get_cmdline_user_args()
	if words.size() == 2 and words[0] == "--scene":
		add_child(load("res://%s.gd" % words[1]).new())
		return
	if not ClassDB.class_exists("PortcullisUPNP"):
		print("FAILED the extension is not loaded")
		get_tree().quit(1)
		return
	for file in DirAccess.get_files_at("res://tests"):
		if file.ends_with(".gd"):
			await _run_suite(file.get_basename(), load("res://tests/" + file), words)
	Simulator.stop_all()
	print("%d passed, %d failed" % [passed, failed])
	# What the last test let go of is gone before the engine looks for leaks.
	await get_tree().process_frame
	get_tree().quit(1 if failed > 0 else 0)


func _run_suite(suite_name: String, script: GDScript, words: PackedStringArray) -> void:
	for method in script.get_script_method_list():
		var test: String = method.name
		var full_name := "%s: %s" % [suite_name, test.replace("_", " ")]
		if test.begins_with("_") or test.begins_with("@") or script.get_base_script().get_script_method_list().any(
				func(base: Dictionary) -> bool: return base.name == test):
			continue
		if not words.is_empty() and not Array(words).any(func(word: String) -> bool: return full_name.contains(word)):
			continue
		var suite: Node = script.new()
		add_child(suite)
		var started := Time.get_ticks_msec()
		@warning_ignore("redundant_await")
		await suite.call(test)
		var time := Time.get_ticks_msec() - started
		suite.finish()
		if suite.failures.is_empty():
			passed += 1
			print("ok     %s (%d ms)" % [full_name, time])
		else:
			failed += 1
			print("FAILED %s (%d ms)" % [full_name, time])
			for failure in suite.failures:
				print("       " + failure)
		suite.queue_free()
		await suite.tree_exited
