"""Routes of the accounts, below /api/auth/."""

from django.urls import path

from accounts import views

urlpatterns = [
    path("register", views.RegisterView.as_view(), name="register"),
    path("login", views.LoginView.as_view(), name="login"),
    path("me", views.ProfileView.as_view(), name="me"),
    path("password", views.PasswordView.as_view(), name="password"),
]
