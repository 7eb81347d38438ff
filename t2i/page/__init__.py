"""What the page is made of, put together by app.py. Only here does t2i know gradio; no other module imports it."""
