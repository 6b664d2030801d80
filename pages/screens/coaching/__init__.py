"""The screens of coaching: the threads of an agent, one of them, and the form beside a result or a case."""
