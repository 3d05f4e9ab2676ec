"""Logging in; whoever is logged in already is led on."""

from django.contrib.auth.views import LoginView

from accounts.forms import LoginForm


class LoginPage(LoginView):
    """Begins a session; `next` leads on, but to addresses of this site alone."""

    template_name = "dashboard/login.html"
    form_class = LoginForm
    redirect_authenticated_user = True
    extra_context = {"title": "Log in"}
