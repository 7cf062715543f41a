"""Published methods: network + colour rule + loss, bound to tasks."""
