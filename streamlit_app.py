"""Entry of the workbench. Imported by a server it is the guarded application; run by it, the menu and the page.

`spotcheck serve` and `streamlit run streamlit_app.py` both start here. The assignment to `app` must stay as literal as
it is: `streamlit run` finds the application by reading this file, without executing it.
"""

from __future__ import annotations

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

from pages.kit import chrome
from pages.kit.guard import enter
from pages.kit.nav import navigation
from qa.web import application

if get_script_run_ctx(suppress_warning=True) is None:
    app = st.App(__file__, **application.parts(), on_script_error=chrome.report_error)
else:
    page = enter()
    chrome.draw(page)
    navigation(page).run()
